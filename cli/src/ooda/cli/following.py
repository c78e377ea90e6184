"""Ask for a fault, follow it to its end, and take it back before leaving."""

import asyncio
import datetime as dt
import getpass
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Protocol

from ooda.cli.runs import ended_run
from ooda.cli.session import print_line
from ooda.common.bus.injecting import NoLongerToldError, request_fault
from ooda.common.clock import Clock, SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import ClusterReader, ClusterWriter, NotFound
from ooda.common.events import (
    FaultCleared,
    FaultEvent,
    FaultRefused,
    FaultRequested,
    FaultTeardownFailed,
    derive_id,
)
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import Ending, FaultRun, Phase
from ooda.common.settings import NatsSettings, Settings

VALID_SECONDS = 30.0
"""A request that the injector gets later than that is refused: whoever asked has left."""

RECOVERY_SECONDS = 1080.0
"""The longest that a scenario may take to be back, and wait for an agent before that."""

_ENDS = (FaultRefused, FaultCleared, FaultTeardownFailed)
_WENT = frozenset({"", Ending.EXPIRED, Ending.REPAIRED, Ending.ABORTED})
"""How a run ends that went as it should; an injector may not say so yet."""


class JournalAccess(ClusterReader, ClusterWriter, Protocol):
    """What is needed of the API server to end a run, and to see it end."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A fault as a person wants it."""

    scenario: str
    target: str
    namespace: str
    seconds: float
    intensity: str | None = None
    parameters: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """How a run ended."""

    end: FaultEvent | None
    """What was said of it last; None if this program was told to stop, or nobody said anything."""
    back: bool
    """Whether the old state is back."""
    worked: bool
    """Whether it has bitten and is back: one that nobody saw bite, or not made as a whole, failed.

    Of one that was interrupted, that it is back is all that was wanted.
    """
    interrupted: bool = False
    """Whether this program was told to stop meanwhile."""


def by_event(end: FaultEvent) -> Followed:
    """Return how a run ended, by what was said last."""
    back = not isinstance(end, FaultTeardownFailed)
    return Followed(end, back, worked=isinstance(end, FaultCleared) and end.ending in _WENT)


def by_journal(run: FaultRun) -> Followed:
    """Return how a run ended, by its journal."""
    back, made = run.phase is Phase.ENDED, run.expires_at is not None
    return Followed(None, back, worked=back and made and str(run.ending) in _WENT)


async def new_request(settings: Settings, wanted: Wanted) -> FaultRequested:
    """Return a request, for the cluster that the person's own configuration means.

    Raises UnreachableError, ClusterError.
    """
    async with ApiServer.connect(settings.cluster) as api:
        cluster_id = await api.identity()
    now = SystemClock().now()
    run_id = f"{wanted.scenario}-{uuid.uuid4().hex[:8]}"
    where = f"{wanted.namespace}/{wanted.target}"
    return FaultRequested(
        event_id=derive_id(FaultRequested.subject, run_id, now.isoformat()),
        summary=f"{getpass.getuser()} asks for {wanted.scenario} on {where}."[:400],
        occurred_at=now,
        cluster_id=cluster_id,
        namespace=wanted.namespace,
        run_id=run_id,
        scenario=wanted.scenario,
        target=wanted.target,
        intensity=wanted.intensity,
        duration_seconds=wanted.seconds,
        parameters=wanted.parameters or {},
        valid_until=now + dt.timedelta(seconds=VALID_SECONDS),
    )


async def follow(
    settings: Settings,
    nats: NatsSettings,
    request: FaultRequested,
    show: Callable[[FaultEvent], None],
) -> Followed:
    """Show what is said of the run until its end; told to stop, have it taken back first.

    Raises UnreachableError, ClusterError.
    """
    following = asyncio.create_task(_to_its_end(settings, nats, request, show))
    try:
        with _cancelled_by_sigterm():
            return await asyncio.shield(following)
    except asyncio.CancelledError:
        print_line("Taking it back; please wait until that is verified.")
        async with ApiServer.connect(settings.cluster) as api:
            back = await take_back(api, request, following, SystemClock())
        return Followed(None, back, worked=back, interrupted=True)


@contextmanager
def _cancelled_by_sigterm() -> Iterator[None]:
    """Let SIGTERM do to this task what Ctrl-C does, as long as the block lasts."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def take_back(
    api: JournalAccess, request: FaultRequested, following: "asyncio.Task[Followed]", clock: Clock
) -> bool:
    """Say whether the old state is back, by the journal: NATS and the injector may be dead.

    Raises ClusterError.
    """
    while True:
        # Looked at before the journal is: what is refused or too late by now is never written down.
        told = following.done() and following.exception() is None
        too_late = told or clock.now() >= request.valid_until
        try:
            await abort_run(api, request.run_id, getpass.getuser(), clock.now())
            end = await ended_run(api, request.run_id, RECOVERY_SECONDS)
        except NotFound:  # it may still be written down, as long as the request is valid
            if too_late:
                return True  # it never was: nothing was changed
            await asyncio.sleep(0.2)
            continue
        print_line(f"Run {end.run_id}: {end.phase}. {end.problem}")
        return end.phase is Phase.ENDED


async def _to_its_end(
    settings: Settings,
    nats: NatsSettings,
    request: FaultRequested,
    show: Callable[[FaultEvent], None],
) -> Followed:
    try:
        async with aclosing(request_fault(nats, request)) as told:
            async for event in told:
                show(event)
                if isinstance(event, _ENDS):
                    return by_event(event)
    except NoLongerToldError as error:
        print_line(f"{error} Its journal says how it ends; please wait, or press Ctrl-C.")
        async with ApiServer.connect(settings.cluster) as api:
            return await to_its_end_by_journal(api, request, error, SystemClock())
    raise AssertionError("it is told for ever")


async def to_its_end_by_journal(
    api: ClusterReader, request: FaultRequested, why: NoLongerToldError, clock: Clock
) -> Followed:
    """Wait for the end of a run that nobody tells.

    Raises ``why`` if it is never written down, ClusterError.
    """
    while True:
        too_late = clock.now() >= request.valid_until
        try:
            run = await ended_run(api, request.run_id, request.duration_seconds + RECOVERY_SECONDS)
        except NotFound:
            if too_late:
                raise why from None
            await asyncio.sleep(0.2)
            continue
        print_line(f"Run {run.run_id}: {run.phase} ({run.ending}). {run.problem}".rstrip())
        return by_journal(run)
