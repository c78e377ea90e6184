"""`ooda inject`: ask for a fault, follow it, and take it back before leaving."""

import asyncio
import datetime as dt
import getpass
import uuid
from contextlib import aclosing
from typing import Annotated

import typer

from ooda.cli.runs import ended_run
from ooda.cli.session import (
    NOT_WELL,
    Output,
    OutputOption,
    fail,
    finish,
    load_settings,
    nats_settings,
    print_json,
    print_line,
)
from ooda.common.bus.injecting import TryFault, ask_injector, request_fault
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import NotFound
from ooda.common.events import (
    FaultCleared,
    FaultEvent,
    FaultRefused,
    FaultRequested,
    FaultTeardownFailed,
    derive_id,
)
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import Phase
from ooda.common.settings import NatsSettings, Settings

VALID_SECONDS = 30.0
"""A request that the injector gets later than that is refused: whoever asked has left."""

RECOVERY_SECONDS = 1080.0
"""The longest that a scenario may take to be back, and wait for an agent before that."""

_ENDS = (FaultRefused, FaultCleared, FaultTeardownFailed)
_UNITS = {"s": 1.0, "m": 60.0}


def duration_of(text: str) -> float:
    """Return the seconds of ``90s`` or ``2m``. Raises BadParameter."""
    number, unit = text[:-1], _UNITS.get(text[-1:])
    try:
        if unit is not None:
            return float(number) * unit
    except ValueError:
        pass
    raise typer.BadParameter(f"{text!r} is no duration: say 90s or 2m")


def inject(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="See `ooda scenarios list`.")],
    *,
    target: Annotated[str, typer.Option(help="A Deployment, or labels of exactly one: app=cart.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="fault-injection-…")],
    duration: Annotated[str, typer.Option(help="When it ends by itself: 90s, 2m.")],
    intensity: Annotated[
        str | None, typer.Option(help="How much, as the scenario has it: 30%, 32Mi, 1.")
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(help="name=value; may be given again.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="All checks, and what would be changed; no write.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Break something on purpose, in a namespace and a cluster where that is allowed.

    It is followed to its end. Ctrl-C takes it back, and waits until that is verified. If this
    command is killed the fault ends by itself at its time all the same.

    For example: `ooda inject pod-kill --target cart -n fault-injection-shop --duration 60s`.

    Exit status: 0 the old state is back; 1 it was refused, or the old state did not come back; 2
    wrong usage; 3 NATS, the injector or the API server is away.
    """
    settings, nats = load_settings(), nats_settings()
    parameters = _parameters(parameter or [])
    request = finish(
        _request(
            settings, scenario, target, namespace, duration_of(duration), intensity, parameters
        )
    )
    if dry_run:
        _try(nats, request, output)
        return
    if not finish(_follow(settings, nats, request, output)):
        raise typer.Exit(NOT_WELL)


def _parameters(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if any(not sign or not name for name, sign, _ in pairs):
        raise typer.BadParameter("a parameter is name=value")
    return {name: value for name, _, value in pairs}


async def _request(
    settings: Settings,
    scenario: str,
    target: str,
    namespace: str,
    seconds: float,
    intensity: str | None,
    parameters: dict[str, str],
) -> FaultRequested:
    """Return the request, for the cluster that the person's own configuration means."""
    async with ApiServer.connect(settings.cluster) as api:
        cluster_id = await api.identity()
    now = SystemClock().now()
    run_id = f"{scenario}-{uuid.uuid4().hex[:8]}"
    return FaultRequested(
        event_id=derive_id(FaultRequested.subject, run_id, now.isoformat()),
        summary=f"{getpass.getuser()} asks for {scenario} on {namespace}/{target}."[:400],
        occurred_at=now,
        cluster_id=cluster_id,
        namespace=namespace,
        run_id=run_id,
        scenario=scenario,
        target=target,
        intensity=intensity,
        duration_seconds=seconds,
        parameters=parameters,
        valid_until=now + dt.timedelta(seconds=VALID_SECONDS),
    )


def _try(nats: NatsSettings, request: FaultRequested, output: Output) -> None:
    answer = finish(ask_injector(nats, TryFault(request=request), 15.0))
    if output is Output.JSON:
        print_json({"code": answer.code, "error": answer.error, "lines": answer.lines})
    elif answer.error is not None:
        fail(f"{answer.code}: {answer.error}", NOT_WELL)
    else:
        for line in answer.lines:
            print_line(line)
        print_line("Nothing was written: it is a dry run.")
    if answer.error is not None:
        raise typer.Exit(NOT_WELL)


async def _follow(
    settings: Settings, nats: NatsSettings, request: FaultRequested, output: Output
) -> bool:
    """Print what is said of the run until its end; told to stop, have it taken back first."""
    following = asyncio.create_task(_to_its_end(nats, request, output))
    try:
        return isinstance(await asyncio.shield(following), FaultCleared)
    except asyncio.CancelledError:
        print_line("Taking it back; please wait until that is verified.")
        return await _take_back(settings, request, following)


async def _take_back(
    settings: Settings, request: FaultRequested, following: "asyncio.Task[FaultEvent]"
) -> bool:
    """Say whether the old state is back, by the journal: NATS and the injector may be dead."""
    async with ApiServer.connect(settings.cluster) as api:
        while not following.done() and SystemClock().now() < request.valid_until:
            try:
                await abort_run(api, request.run_id, getpass.getuser(), SystemClock().now())
                end = await ended_run(api, request.run_id, RECOVERY_SECONDS)
            except NotFound:  # it may still be written down, as long as the request is valid
                await asyncio.sleep(0.2)
                continue
            print_line(f"Run {end.run_id}: {end.phase}. {end.problem}")
            return end.phase is Phase.ENDED
    return True  # it was never written down: nothing was changed


async def _to_its_end(nats: NatsSettings, request: FaultRequested, output: Output) -> FaultEvent:
    if output is Output.TABLE:
        print_line(f"Run {request.run_id}; Ctrl-C takes it back.")
    async with aclosing(request_fault(nats, request)) as told:
        async for event in told:
            if output is Output.JSON:
                print_json(event.model_dump(mode="json") | {"subject": event.subject})
            else:
                print_line(f"{event.occurred_at:%H:%M:%S}  {event.subject:<22} {event.summary}")
            if isinstance(event, _ENDS):
                return event
    raise AssertionError("it is told for ever")
