"""`ooda graph`: what the agent knows of who owns, serves, runs on and calls what."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Annotated

import typer

from ooda.cli.session import (
    NOT_WELL,
    Output,
    OutputOption,
    fail,
    finish,
    nats_settings,
    print_json,
    print_table,
)
from ooda.common.bus.listening import listen
from ooda.common.events import TelemetrySnapshot
from ooda.common.settings import NatsSettings


def graph(
    namespace: Annotated[
        str | None, typer.Argument(help="Only of this namespace; it is there sooner.")
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0.1, max=60, help="Seconds that snapshots are waited for.")
    ] = 6.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the dependency graph by which the agent finds out where a failure comes from.

    The observer says it with its snapshots, every 5 s for each namespace: who owns whom, which
    Service selects which workload, what runs on which node, and who calls whom.

    For example: `ooda graph fault-injection-shop`, or for other programs
    `ooda graph -o json | jq -r '.[].graph[] | select(.relation == "calls")'`.

    Exit status: 0 done; 1 no snapshot was heard; 3 NATS cannot be reached.
    """
    found = finish(_newest(nats_settings(), namespace, wait))
    if not found:
        fail(f"No snapshot was heard within {wait:g} s: `ooda status` says why.", NOT_WELL)
    snapshots = [found[name] for name in sorted(found)]
    if output is Output.JSON:
        print_json([as_object(each) for each in snapshots])
        return
    print_table(
        ("namespace", "relation", "from", "to"),
        [line for each in snapshots for line in rows(each)],
        empty="Nothing is related to anything.",
    )


def as_object(snapshot: TelemetrySnapshot) -> Mapping[str, object]:
    """Render for programs; docs/cli.md promises this shape."""
    return snapshot.model_dump(mode="json", include={"namespace", "occurred_at", "graph"})


def rows(snapshot: TelemetrySnapshot) -> list[tuple[str, str, str, str]]:
    """Render each edge in four cells, those of one relation together."""
    return sorted(
        (snapshot.namespace or "", each.relation, str(each.source), str(each.sink))
        for each in snapshot.graph
    )


async def _newest(
    settings: NatsSettings, namespace: str | None, wait: float
) -> Mapping[str, TelemetrySnapshot]:
    """Return the last snapshot of each namespace that is heard within the time."""
    found: dict[str, TelemetrySnapshot] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait):
            async for each in listen(settings, (TelemetrySnapshot.subject,)):
                try:
                    event = each.event()
                except ValueError:
                    continue  # another release's; the next one may be readable
                if not isinstance(event, TelemetrySnapshot) or event.namespace is None:
                    continue
                if namespace in (None, event.namespace):
                    found[event.namespace] = event
                if event.namespace == namespace:
                    break
    return found
