"""`ooda status`: is the loop alive, may it act, and what is open."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from ooda.cli.session import (
    NOT_WELL,
    Output,
    OutputOption,
    finish,
    load_settings,
    nats_settings,
    print_json,
    print_line,
    print_table,
)
from ooda.cli.stopping import OWN_NAMESPACE, NamespaceOption
from ooda.common import kill_switch
from ooda.common.audit.address import audit_url
from ooda.common.audit.queries import OpenWork, open_work, reading
from ooda.common.bus.listening import ask_services
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import ClusterError
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings, Settings
from ooda.common.topology import LOOP_SERVICES, Service

_FIRST = ("blind", "open", "waiting", "pending")
"""Parts of the names of details that are shown first: the rest may be cut off."""


@dataclass(frozen=True, slots=True)
class State:
    """What was found out."""

    services: Mapping[Service, Mapping[str, Any]]
    stopped: str
    open: OpenWork | str
    """Why it is not known, if it is not."""

    @property
    def ok(self) -> bool:
        """Say whether every service answers and is ready."""
        return all(self.services.get(each, {}).get("ready") for each in LOOP_SERVICES)


def status(
    output: OutputOption = Output.TABLE,
    wait: Annotated[
        float, typer.Option(min=0.1, max=60, help="Seconds that a service has to answer.")
    ] = 2.0,
    namespace: NamespaceOption = OWN_NAMESPACE,
) -> None:
    """Ask every service of the loop how it is, and whether the agent was stopped.

    `to do` is how many events of its subjects a service has not handled yet. `--output json` has
    all of what the services say.

    For example: `ooda status`, or in a script `ooda status -o json | jq .open.incidents`.

    Exit status: 0 all answer and are ready; 1 one does not; 3 NATS cannot be reached. What is
    open comes from Postgres, the kill switch from the API server: if one is away a line says so.
    """
    found = finish(_ask(load_settings(), nats_settings(), wait, namespace))
    if output is Output.JSON:
        print_json(as_object(found))
    else:
        print_table(
            ("service", "state", "since (UTC)", "to do", "details"),
            [row(service, found.services.get(service)) for service in LOOP_SERVICES],
            empty="",
            cut=True,
        )
        print_line(in_words(found.open))
        print_line(found.stopped)
    if not found.ok:
        raise typer.Exit(NOT_WELL)


def as_object(found: State) -> Mapping[str, object]:
    """Render for programs; docs/cli.md promises this shape."""
    known = isinstance(found.open, OpenWork)
    return {
        "ok": found.ok,
        "stopped": found.stopped,
        "open": asdict(found.open) if isinstance(found.open, OpenWork) else None,
        "open_unknown_because": None if known else found.open,
        "services": found.services,
    }


def row(service: Service, answer: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Render one service's answer in five short cells."""
    if answer is None:
        return (service, "no answer", "", "", "look at its pod, or at `ooda doctor`")
    details = sorted(answer["details"].items(), key=lambda detail: _rank(detail[0]))
    since = dt.datetime.fromisoformat(answer["since"])
    return (
        service,
        "ready" if answer["ready"] else "not ready",
        f"{since:%m-%d %H:%M}",
        to_do(answer["consumers"]),
        ", ".join(f"{key} {value}" for key, value in details),
    )


def to_do(lags: Mapping[str, object]) -> str:
    """Add up what waits and what is in hand; "?" if one is not told in numbers."""
    total = 0
    for lag in lags.values():
        match lag:
            case {"pending": int(pending), "in_hand": int(in_hand)}:
                total += pending + in_hand
            case _:
                return "?"
    return str(total)


def in_words(work: OpenWork | str) -> str:
    """Say what is open, in a sentence."""
    if isinstance(work, str):
        return f"What is open is not known: {work}"
    return f"Open incidents: {work.incidents}. Questions that wait for a person: {work.reviews}."


def _rank(detail: str) -> int:
    return next((n for n, part in enumerate(_FIRST) if part in detail), len(_FIRST))


async def _ask(settings: Settings, nats: NatsSettings, wait: float, namespace: str) -> State:
    answers, stopped, work = await asyncio.gather(
        ask_services(nats, wait), _kill_switch(settings, namespace), _open_work(settings)
    )
    return State(answers, stopped, work)


async def _open_work(settings: Settings) -> OpenWork | str:
    if settings.postgres is None:
        return "[postgres] is not configured."
    try:
        async with reading(audit_url(settings.postgres)) as engine:
            return await open_work(engine)
    except UnreachableError as error:
        return str(error)


async def _kill_switch(settings: Settings, namespace: str) -> str:
    try:
        async with ApiServer.connect(settings.cluster) as api:
            found = await kill_switch.read_stop(api, namespace)
    except (UnreachableError, ClusterError) as error:
        return f"Whether it was stopped is not known: {error}"
    if found is None:
        return "Not stopped: it may act where a namespace lets it."
    return f"STOPPED by {found.by} at {found.at}: {found.reason or 'no reason given'}"
