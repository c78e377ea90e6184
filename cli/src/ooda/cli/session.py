"""What every command shares: settings, the shape of the output, how errors end the program.

Exit status of every command: 0 done and well; 1 done, and what was found is not well; 2 wrong
usage, or a configuration that cannot be used; 3 a server could not be reached or refused.
"""

import enum
import json
from collections.abc import Coroutine, Mapping, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ooda.cli.running import run
from ooda.common.cluster.interface import ClusterError
from ooda.common.config_file import ConfigError, config_path
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings, PostgresSettings, Settings

NOT_WELL = 1
UNUSABLE = 2
UNREACHABLE = 3

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
    Console(stderr=True, soft_wrap=True).print(f"[red]Error:[/red] {escape(message)}")
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
    typer.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print for people; ``empty`` is the sentence for no rows."""
    if not rows:
        typer.echo(empty)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(soft_wrap=False).print(table)


def print_facts(facts: Mapping[str, str]) -> None:
    """Print one thing's properties for people, one a line."""
    print_table(("", ""), [(key, value) for key, value in facts.items()], empty="")


def _not_configured(section: str) -> NoReturn:
    fail(
        f"[{section}] is not configured: run `make platform`, which writes {config_path()}, or set "
        f"OODA_{section.upper()}__URL.",
        UNUSABLE,
    )
