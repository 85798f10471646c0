"""`python -m nukki` is `nukki`."""

from nukki.cli.main import run

run()
