"""A whole actor on a cluster and a bus in memory, that can be killed and started again."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import CollectorRegistry

from factories.actions import (
    catalog,
    deployment,
    limited_pod,
    namespace,
    pod,
    replica_set,
    snapshot,
)
from factories.events import NAMESPACE, make, request
from fakes.actor_cluster import ActorCluster
from ooda.actor.core.guards import Fence
from ooda.actor.core.in_place import Starting
from ooda.actor.core.plan import Plan, Refusal
from ooda.actor.core.record import ActionRecord
from ooda.actor.driver import Driver
from ooda.actor.handlers import Handlers
from ooda.actor.meters import Meters
from ooda.actor.planning import Planner
from ooda.actor.sightings import Sightings
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionExecuted, ActionRecorded, ActionStarted, DecisionMade, Event
from ooda.common.modes import SYSTEM_NAMESPACES
from ooda.common.plans import Verification
from ooda.common.testing.bus import MemoryBus, delivery
from ooda.common.topology import ACTIONS

QUICK = Verification(hold_seconds=0.05, deadline_seconds=0.6)
ENDED = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
OWN_NAMESPACE = "ooda-system"
PATIENCE = 10.0
PATCHED = f"patch Deployment {NAMESPACE}/checkout"
RESIZED = f"resize Pod {NAMESPACE}/checkout-1-a"
DELETED = f"delete Pod {NAMESPACE}/checkout-1-a"


def shop_in(found: ActorCluster) -> ActorCluster:
    """Fill a cluster with the one workload, its pod, and what is known good of it."""
    found.put(Kind.NAMESPACE, namespace())
    found.put(Kind.DEPLOYMENT, deployment())
    found.put(Kind.KNOWN_GOOD, catalog())
    found.put(Kind.POD, pod())
    found.put(Kind.REPLICA_SET, replica_set())
    return found


def starve(found: ActorCluster) -> ActorCluster:
    """Have the workload's pod be one that was killed for memory, with a limit that was good."""
    limits = {"limits": {"memory": "64Mi"}}
    template = {"metadata": {}, "spec": {"containers": [{"name": "app", "resources": limits}]}}
    found.put(Kind.DEPLOYMENT, deployment(template=template))
    found.put(Kind.KNOWN_GOOD, catalog(1, template))
    found.put(Kind.POD, killed_pod())
    allocatable = {"allocatable": {"memory": "4Gi"}}
    found.put(Kind.NODE, {"metadata": {"name": "node-2"}, "status": allocatable})
    return found


def killed_pod(**metadata: Any) -> dict[str, Any]:
    """Return a pod whose container was killed for memory once, and runs again."""
    found = limited_pod("64Mi", generation=1, **metadata)
    found["status"]["containerStatuses"][0] |= {"lastState": ENDED, "restartCount": 1}
    return found


def decision(valid_seconds: float = 8, **given: Any) -> DecisionMade:
    now = SystemClock().now()
    chosen = request(**{"verification": QUICK} | given.pop("request", {}))
    return make(
        DecisionMade,
        **{
            "occurred_at": now,
            "valid_until": now + dt.timedelta(seconds=valid_seconds),
            "request": chosen,
        }
        | given,
    )


@dataclass(frozen=True)
class TakingBack(Planner):
    """Plans what may be taken back: every action of today would restore the fault by that."""

    async def plan(
        self,
        record: ActionRecord,
        other: str | None,
        not_in_place: str | None = None,
        *,
        may_wait: bool = False,
    ) -> Plan | Refusal | Starting | None:
        found = await super().plan(record, other, not_in_place, may_wait=may_wait)
        return replace(found, undo="inverse") if isinstance(found, Plan) else found


@dataclass
class Acting:
    """Everything outside of the actor's process, and the actor that runs now."""

    api: ActorCluster = field(default_factory=lambda: shop_in(ActorCluster()))
    bus: MemoryBus = field(default_factory=MemoryBus)
    recorder: bool = True
    ill: bool = True
    stale: bool = False
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    """Of the actor that was started last."""
    heals: bool = True
    """Whether the symptom goes when something is written."""
    planner: type[Planner] = Planner

    @contextlib.asynccontextmanager
    async def actor(self) -> AsyncIterator[Handlers]:
        """Run one actor and, beside it, the recorder and the observer."""
        self.metrics = CollectorRegistry()
        sightings = Sightings()
        clock = SystemClock()
        fence = Fence(SYSTEM_NAMESPACES | {OWN_NAMESPACE}, "node-1")
        driver = Driver(
            self.bus.bucket(ACTIONS, ActionRecord),
            self.bus,
            self.planner(self.api, fence),
            clock,
            sightings,
            OWN_NAMESPACE,
            Meters(self.metrics),
        )
        handlers = Handlers(driver, sightings)
        await driver.load()
        await self.observe(handlers)
        running = [
            asyncio.create_task(driver.run()),
            asyncio.create_task(self.around(handlers)),
        ]
        try:
            yield handlers
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def around(self, handlers: Handlers) -> None:
        """Record intents and show the cluster, as recorder and observer do."""
        while True:
            if self.recorder:
                for each in self.said(ActionStarted):
                    recorded = make(
                        ActionRecorded, action_id=each.action_id, intent_id=each.event_id
                    )
                    await handlers.on_loop(delivery(recorded))
            await self.observe(handlers)
            await asyncio.sleep(0.01)

    async def observe(self, handlers: Handlers) -> None:
        ill = self.ill and not (self.heals and self.api.writes)
        now = SystemClock().now()
        await handlers.on_telemetry(delivery(snapshot(now, ill=ill, stale=self.stale)))

    def said(self, event: type[Event]) -> list[Any]:
        return [each for each in self.bus.published if isinstance(each, event)]

    def executed(self) -> list[ActionExecuted]:
        return self.said(ActionExecuted)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - what it waits for is seen from outside only
                await asyncio.sleep(0.005)

    async def act(self, made: DecisionMade | None = None) -> ActionExecuted:
        """Let one actor do all of it; return how it ended."""
        async with self.actor() as handlers:
            await handlers.on_loop(delivery(made or decision()))
            await self.until(self.executed)
        (ended,) = self.executed()
        return ended
