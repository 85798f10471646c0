"""What an installation weighs, unpacked, package by package.

    python benchmarks/installed_size.py                        # nukki[cpu] of this checkout
    python benchmarks/installed_size.py opencv-python-headless # any other requirement, alone

Makes a fresh virtual environment in a temporary folder, installs into it and adds up the files of
each package (compiled Python files included, pip and setuptools left out). MB are 10^6 bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = {"pip", "setuptools", "wheel"}


def installed(requirements: list[str]) -> dict[str, int]:
    """Bytes by package, largest first, of an environment that holds `requirements`."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        purelib = subprocess.run(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        sizes = {
            package.metadata["Name"]: sum(
                Path(file.locate()).stat().st_size
                for file in package.files or ()
                if Path(file.locate()).is_file()
            )
            for package in metadata.distributions(path=[purelib])
        }
    sizes = {name: size for name, size in sizes.items() if name.lower() not in TOOLS}
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def main() -> None:
    """Print a table."""
    sizes = installed(sys.argv[1:] or [f"{ROOT}[cpu]"])
    for name, size in sizes.items():
        print(f"{name:<24} {size / 1e6:8.1f} MB")
    print(f"{'together':<24} {sum(sizes.values()) / 1e6:8.1f} MB")


if __name__ == "__main__":
    main()
