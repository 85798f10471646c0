"""Nothing is collected and nothing leaves the machine when a network is loaded."""

import os
import subprocess
import sys

CODE = """
import nukki
print(nukki.load("subject").session.device)
"""


def run(home, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ORT_")}
    environment.pop("XDG_CACHE_HOME", None)
    environment |= {"HOME": str(home), **more}
    return subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )


def test_loading_a_network_leaves_no_trace_in_the_users_folders(tmp_path):
    """ONNX Runtime from 1.29 on writes a device id and an event store unless it is told not to."""
    done = run(tmp_path, NUKKI_HOME=str(tmp_path / "nukki"))
    assert done.stdout.strip() == "cpu"
    assert done.stderr == ""
    assert list(tmp_path.rglob("*")) == []


def test_what_the_user_has_set_stands(monkeypatch):
    from nukki import settings

    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.delenv("ORT_TELEMETRY_DISABLED", raising=False)
    settings.forbid_telemetry()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    assert os.environ["ORT_TELEMETRY_DISABLED"] == "1"
    monkeypatch.undo()
