"""Ask for a fault, follow it to its end, and take it back before leaving."""

import asyncio
import datetime as dt
import getpass
import uuid
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from ooda.cli.runs import ended_run
from ooda.cli.session import print_line
from ooda.common.bus.injecting import request_fault
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
from ooda.common.fault_runs import Ending, Phase
from ooda.common.settings import NatsSettings, Settings

VALID_SECONDS = 30.0
"""A request that the injector gets later than that is refused: whoever asked has left."""

RECOVERY_SECONDS = 1080.0
"""The longest that a scenario may take to be back, and wait for an agent before that."""

_ENDS = (FaultRefused, FaultCleared, FaultTeardownFailed)


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
    """What was said of it last; None if it was taken back because this program was told to stop."""
    back: bool
    """Whether the old state is back."""

    @property
    def worked(self) -> bool:
        """Whether it has bitten and is cleared: one that nobody saw bite has failed."""
        if self.end is None:
            return self.back
        return isinstance(self.end, FaultCleared) and self.end.ending != Ending.NO_EFFECT

    @property
    def interrupted(self) -> bool:
        """Whether this program was told to stop meanwhile."""
        return self.end is None


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
    following = asyncio.create_task(_to_its_end(nats, request, show))
    try:
        end = await asyncio.shield(following)
    except asyncio.CancelledError:
        print_line("Taking it back; please wait until that is verified.")
        return Followed(None, back=await _take_back(settings, request, following))
    return Followed(end, back=not isinstance(end, FaultTeardownFailed))


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


async def _to_its_end(
    nats: NatsSettings, request: FaultRequested, show: Callable[[FaultEvent], None]
) -> FaultEvent:
    async with aclosing(request_fault(nats, request)) as told:
        async for event in told:
            show(event)
            if isinstance(event, _ENDS):
                return event
    raise AssertionError("it is told for ever")
