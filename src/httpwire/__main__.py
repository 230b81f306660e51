"""`python -m httpwire` is the command `httpwire`."""

from httpwire.cli.main import run

run()
