"""Commands that are imported when they are run, not when the list of them is shown.

Each of them stands on a client of a server, and those are slow to import: help and shell
completion do without.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Later:
    """Where a command is, and the line that the list of commands has for it."""

    module: str
    attribute: str
    line: str


def lazily(commands: Mapping[str, Later]) -> type[TyperGroup]:
    """Return the class of a group that has these commands, in this order."""

    class Lazily(TyperGroup):
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.commands = {
                name: TyperCommand(name, help=later.line) for name, later in commands.items()
            }

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """Put the real command in the place of its line before it is run."""
            name, found, rest = super().resolve_command(ctx, args)
            if (
                name is not None
                and name in commands
                and type(found) is TyperCommand
                and found.callback is None
            ):
                found = self.commands[name] = load(name, commands[name])
            return name, found, rest

    return Lazily


def load(name: str, later: Later) -> Any:
    """Import a command: a function, or a group of its own."""
    found = getattr(import_module(later.module), later.attribute)
    if isinstance(found, typer.Typer):
        command: Any = get_command(found)
    else:
        alone = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        alone.command(name)(found)
        command = get_command(alone)
    command.name = name
    return command
