"""`ooda status`: is the loop alive, may it act, and what is open."""

import asyncio
from collections.abc import Mapping
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
    print_table,
)
from ooda.cli.stopping import OWN_NAMESPACE, NamespaceOption
from ooda.common import kill_switch
from ooda.common.bus.listening import ask_services
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import ClusterError
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings, Settings
from ooda.common.topology import LOOP_SERVICES, Service


def status(
    output: OutputOption = Output.TABLE,
    wait: Annotated[
        float, typer.Option(min=0.1, max=60, help="Seconds that a service has to answer.")
    ] = 2.0,
    namespace: NamespaceOption = OWN_NAMESPACE,
) -> None:
    """Ask every service of the loop how it is, and whether the agent was stopped.

    Exit status: 0 all answer and are ready; 1 one does not; 3 NATS cannot be reached.
    `ooda incidents --open` says what is open.
    """
    answers, stopped = finish(_ask(load_settings(), nats_settings(), wait, namespace))
    well = all(answers.get(each, {}).get("ready") for each in LOOP_SERVICES)
    if output is Output.JSON:
        print_json({"ok": well, "stopped": stopped, "services": answers})
    else:
        print_table(
            ("service", "state", "since (UTC)", "events to come", "details"),
            [_row(service, answers.get(service)) for service in LOOP_SERVICES],
            empty="",
        )
        typer.echo(stopped)
    if not well:
        raise typer.Exit(NOT_WELL)


async def _ask(
    settings: Settings, nats: NatsSettings, wait: float, namespace: str
) -> tuple[Mapping[Service, Mapping[str, Any]], str]:
    answers, stopped = await asyncio.gather(
        ask_services(nats, wait), _kill_switch(settings, namespace)
    )
    return answers, stopped


async def _kill_switch(settings: Settings, namespace: str) -> str:
    try:
        async with ApiServer.connect(settings.cluster) as api:
            found = await kill_switch.read_stop(api, namespace)
    except (UnreachableError, ClusterError) as error:
        return f"Whether it was stopped is not known: {error}"
    if found is None:
        return "Not stopped: it may act where a namespace lets it."
    return f"STOPPED by {found.by} at {found.at}: {found.reason or 'no reason given'}"


def _row(service: Service, answer: Mapping[str, Any] | None) -> tuple[str, ...]:
    if answer is None:
        return (service, "no answer", "", "", "look at its pod, or at `ooda doctor`")
    state = "ready" if answer["ready"] else "not ready"
    details = ", ".join(f"{key} {value}" for key, value in answer["details"].items())
    lags = ", ".join(f"{name} {lag}" for name, lag in answer["consumers"].items())
    return (service, state, str(answer["since"])[:19], lags, details)
