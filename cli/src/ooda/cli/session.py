"""What every command shares: settings, the shape of the output, how errors end the program.

Exit status of every command: 0 done and well; 1 done, and what was found is not well; 2 wrong
usage, or a configuration that cannot be used; 3 a server could not be reached or refused.
"""

import datetime as dt
import enum
import json
import os
from collections.abc import Coroutine, Mapping, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ooda.cli.inert import inert, inert_json
from ooda.cli.running import run
from ooda.common.cluster.interface import ClusterError
from ooda.common.config_file import ConfigError, config_path
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings, PostgresSettings, Settings

NOT_WELL = 1
UNUSABLE = 2
UNREACHABLE = 3
INTERRUPTED = 130

_NARROW = 20
"""Characters of a cell before the last one that are shown in any case."""
_UNBOUNDED = 10_000
"""Characters of a line that nobody looks at: it goes into a pipe."""

Result = TypeVar("Result")


class Output(enum.StrEnum):
    """How the result is shown."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="A table to read, or JSON to process.")
]


def load_settings() -> Settings:
    """Read the configuration, or end the program saying what is wrong with it."""
    try:
        return Settings.load()
    except ConfigError as error:
        fail(str(error), UNUSABLE)


def nats_settings() -> NatsSettings:
    """Return where the bus is, or end the program saying how to configure it."""
    return load_settings().nats or _not_configured("nats")


def postgres_settings() -> PostgresSettings:
    """Return where the audit is, or end the program saying how to configure it."""
    return load_settings().postgres or _not_configured("postgres")


def fail(message: str, status: int) -> NoReturn:
    """End the program with one sentence that says what to do."""
    said = "\n".join(inert(line) for line in message.splitlines())
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("Error: ", "red"), said))
    raise typer.Exit(status)


def finish(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's work to its end; a server that is away ends the program in a sentence."""
    try:
        return run(main)
    except (UnreachableError, ClusterError) as error:
        fail(str(error), UNREACHABLE)
    except TimeoutError:
        fail("No answer in time: `ooda doctor` says which server is away.", UNREACHABLE)


def print_json(value: Any) -> None:
    """Print for programs."""
    typer.echo(inert_json(json.dumps(value, indent=2, default=_plain, ensure_ascii=False)))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str, cut: bool = False
) -> None:
    """Print for people; ``empty`` is the sentence for no rows.

    On a terminal the last column is folded, or ``cut``; a pipe gets it whole, a row a line.
    """
    if not rows:
        typer.echo(empty)
        return
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNBOUNDED
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        last = number == len(columns) - 1
        width = max(len(inert(cell)) for cell in (name, *(row[number] for row in rows)))
        table.add_column(
            inert(name),
            no_wrap=cut or not last,
            overflow="ellipsis" if cut else "fold",
            min_width=None if last else min(width, _NARROW),
        )
    for row in rows:
        table.add_row(*(Text(inert(cell)) for cell in row))
    console.print(table)


def print_line(text: str) -> None:
    """Print a sentence that has in it what others have written."""
    typer.echo(inert(text))


def print_facts(facts: Mapping[str, str]) -> None:
    """Print one thing's properties for people, one a line."""
    print_table(("", ""), [(key, value) for key, value in facts.items()], empty="")


def _plain(value: object) -> str:
    """Render what JSON has no type for: times as ISO 8601, bytes in hexadecimal."""
    match value:
        case dt.datetime():
            return value.isoformat()
        case bytes() | memoryview():
            return value.hex()
        case _:
            return str(value)


def _not_configured(section: str) -> NoReturn:
    fail(
        f"[{section}] is not configured: run `make platform`, which writes {config_path()}, or set "
        f"OODA_{section.upper()}__URL.",
        UNUSABLE,
    )
