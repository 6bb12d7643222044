"""Commands whose options are made when they are used, so that `evolver --help` need not import the configuration."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand


def lazy(place: str) -> type[TyperCommand]:
    """A class for `Typer.command`: the command is the function at `place` (`module:name`), its help is what is here."""

    class LazyCommand(TyperCommand):
        """Known by name and help alone until somebody runs it, or asks what it takes."""

        def make_context(self, *args: Any, **kwargs: Any) -> Any:
            """The context of the command itself."""
            module, _, name = place.partition(":")
            app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
            app.command(self.name, help=self.help)(getattr(import_module(module), name))
            return typer.main.get_command(app).make_context(*args, **kwargs)

    return LazyCommand
