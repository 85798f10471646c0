"""The container's files: what they copy is there, what they run is understood, who runs it."""

from __future__ import annotations

import ast
import fnmatch
import json
import re
import shlex
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from examples_loaded import EXAMPLES, ROOT
from nukki.cli.arguments import options_from
from nukki.cli.main import parser
from nukki.serve.limits import ServeOptions

FILES = ["docker/Dockerfile", "lambda/Dockerfile"]


def instructions(name):
    """(word, rest) of each instruction, in order."""
    text = re.sub(r"^#.*\n", "", (EXAMPLES / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line]


def stages(name):
    """Instructions of each stage; what stands before the first one is left out."""
    found = []
    for word, rest in instructions(name):
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


def words_of(name, instruction):
    """The words of an instruction in JSON's form."""
    [rest] = [rest for word, rest in stages(name)[-1] if word == instruction]
    return json.loads(rest)


@pytest.mark.parametrize("name", FILES)
def test_there_are_two_stages_on_one_base_that_a_digest_pins(name):
    [base] = [rest for word, rest in instructions(name) if word == "ARG"]
    assert re.fullmatch(r"PYTHON=python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)
    starts = [stage[0][1] for stage in stages(name)]
    assert starts == ["${PYTHON} AS build", "${PYTHON}"]
    assert not any("pip" in rest for word, rest in stages(name)[1] if word == "RUN")


@pytest.mark.parametrize("name", FILES)
def test_what_is_copied_is_there_and_sent_to_the_build(name):
    ignored = (EXAMPLES / f"{name}.dockerignore").read_text(encoding="utf-8").split()
    assert ignored[0] == "*"
    copied = [rest.split() for word, rest in instructions(name) if word == "COPY"]
    sources = [one for words in copied if words[0] != "--from=build" for one in words[:-1]]
    assert {"pyproject.toml", "src"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source
    assert all((ROOT / line[1:]).exists() for line in ignored if line.startswith("!"))
    assert not any(fnmatch.fnmatch("src/nukki/api.py", line) for line in ignored[1:])


def test_nobody_with_rights_runs_the_server():
    words = [word for word, _ in stages("docker/Dockerfile")[-1]]
    [user] = [rest for word, rest in stages("docker/Dockerfile")[-1] if word == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert not {"RUN", "COPY"} & set(words[words.index("USER") :])


def test_the_server_understands_the_command_lines():
    entry = words_of("docker/Dockerfile", "ENTRYPOINT")
    assert entry[0] == "nukki"
    compose = (EXAMPLES / "docker" / "compose.yaml").read_text(encoding="utf-8")
    more = ast.literal_eval(re.search(r"command: (\[.*\])", compose)[1])
    args = parser().parse_args([*entry[1:], *more])
    assert (args.host, args.max_pixels, args.queue) == ("0.0.0.0", 20_000_000, 8)
    assert args.key == "/run/secrets/keys"


def test_compose_gives_the_container_no_more_than_it_needs():
    compose = (EXAMPLES / "docker" / "compose.yaml").read_text(encoding="utf-8")
    for line in (
        "read_only: true",
        "cap_drop: [ALL]",
        'security_opt: ["no-new-privileges:true"]',
        'ports: ["127.0.0.1:7000:7000"]',
    ):
        assert f"    {line}\n" in compose
    limit = int(re.search(r"^    mem_limit: (\d+)m$", compose, re.MULTILINE)[1]) * 1_048_576
    command = ast.literal_eval(re.search(r"command: (\[.*\])", compose)[1])
    options = options_from(parser().parse_args(["serve", *command]), ServeOptions)
    worker = 250_000_000 + 50 * options.max_pixels  # docs/serve.md: how large
    assert worker * options.workers + 80_000_000 + options.budget < limit
    [dockerfile] = re.findall(r"dockerfile: (\S+)", compose)
    [context] = re.findall(r"context: (\S+)", compose)
    assert (EXAMPLES / "docker" / context / dockerfile).resolve().is_file()


@pytest.mark.parametrize("status", [200, 503])
def test_the_health_check_asks_the_server(status):
    """The very line, with another port, before a server that is well and one that is not."""
    asked = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words):
            pass

    check = next(rest for word, rest in stages("docker/Dockerfile")[-1] if word == "HEALTHCHECK")
    program, option, code = json.loads(check[check.index("[") :])
    assert (program, option) == ("python", "-c")
    assert "--start-period" in check
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        here = code.replace(":7000/", f":{server.server_port}/")
        assert here != code
        if status == 200:
            exec(here, {})
        else:
            with pytest.raises(OSError, match="503"):
                exec(here, {})
        thread.join(10)
    assert asked == ["/healthz"]


def test_lambdas_container_runs_the_handler():
    entry = words_of("lambda/Dockerfile", "ENTRYPOINT")
    [command] = words_of("lambda/Dockerfile", "CMD")
    assert entry == shlex.split("python -m awslambdaric")
    module, _, function = command.partition(".")
    assert f"def {function}(" in (EXAMPLES / "lambda" / f"{module}.py").read_text(encoding="utf-8")
