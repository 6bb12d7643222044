"""The command line: `evolver`."""

from __future__ import annotations


def main() -> None:
    """Run the command line; a user's mistake ends with one message and status 2, failed work with status 1."""
    from evolver.cli.command_line import entry

    raise SystemExit(entry())
