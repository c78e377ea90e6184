"""`ooda doctor` tells whether everything is there that the product needs."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ooda.cli.inert import inert
from ooda.cli.running import run
from ooda.cli.session import NOT_WELL, Output, OutputOption, load_settings
from ooda.common.connectivity import NotReached, Reachability, Reached, check_all


def doctor(
    output: OutputOption = Output.TABLE,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=300, help="Seconds that each server has to answer.")
    ] = 5.0,
) -> None:
    """Ask NATS, Postgres and the API server whether they can be used, all at once.

    Where they are comes from the environment (`OODA_NATS__URL`, `OODA_NATS__USER`,
    `OODA_NATS__PASSWORD`, `OODA_POSTGRES__…`, `OODA_CLUSTER__KUBECONFIG`,
    `OODA_CLUSTER__CONTEXT`), then from the file that `make platform` writes:
    `~/.config/ooda/config.toml`, or the one that `OODA_CONFIG` names.

    Exit status: 0 all can be used; 1 one cannot, and the table says what to do;
    2 wrong usage, or a configuration that cannot be read.

    To use it in a script: `ooda doctor --output json | jq .ok`.
    """
    results = run(check_all(load_settings(), timeout))
    if output is Output.JSON:
        typer.echo(as_json(results))
    else:
        Console().print(as_table(results))
    if not all_well(results):
        raise typer.Exit(NOT_WELL)


def all_well(results: Sequence[Reachability]) -> bool:
    """Say whether every server was reached."""
    return all(isinstance(result, Reached) for result in results)


def as_json(results: Sequence[Reachability]) -> str:
    """Render for programs; docs/doctor.md promises this shape."""
    servers = {result.server: _as_object(result) for result in results}
    return json.dumps({"ok": all_well(results), "servers": servers}, indent=2)


def as_table(results: Sequence[Reachability]) -> Table:
    """Render for people."""
    table = Table("server", "state", "what it says, or what to do")
    for result in results:
        match result:
            case Reached(server, facts):
                said = ", ".join(f"{k} {v}" for k, v in dataclasses.asdict(facts).items())
                table.add_row(server, "[green]ok[/green]", Text(inert(said)))
            case NotReached(server, reason):
                table.add_row(server, "[red]not ok[/red]", Text(inert(reason)))
    return table


def _as_object(result: Reachability) -> dict[str, object]:
    match result:
        case Reached(_, facts):
            return {"ok": True, "facts": dataclasses.asdict(facts), "reason": None}
        case NotReached(_, reason):
            return {"ok": False, "facts": None, "reason": reason}
