"""The orienter as a whole, with fakes of the bus and of the cluster."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from opentelemetry.trace import NoOpTracer, Tracer
from prometheus_client import CollectorRegistry

from factories.cluster_objects import Json
from factories.diagnosis import CHECKOUT, WEIGHTS, workload
from factories.events import NAMESPACE, NOW, make
from ooda.common import topology
from ooda.common.cluster.interface import Object, Unavailable
from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    DiagnosisReady,
    DiagnosisStarted,
    Event,
    Freshness,
    GraphEdge,
    TelemetrySnapshot,
)
from ooda.common.targets import ServiceTarget, Target
from ooda.common.taxonomy import Source
from ooda.common.testing import FixedClock, MemoryBus, delivery
from ooda.common.testing.cluster import FakeCluster
from ooda.orienter.announcing import Announcer
from ooda.orienter.core.records import Incident
from ooda.orienter.diagnosing import Diagnosing
from ooda.orienter.handlers import Handlers
from ooda.orienter.inquiry import Inquiry
from ooda.orienter.meters import Meters
from ooda.orienter.model.counsel import Counsel
from ooda.orienter.model.instruments import instruments
from ooda.orienter.prometheus import NoPrometheus
from ooda.orienter.settings import ModelSettings
from ooda.orienter.sight import Sight
from ooda.orienter.store import Incidents
from ooda.orienter.tools.toolbox import Toolbox

Each = TypeVar("Each", bound=Event)


class Cluster(FakeCluster):
    """Counts reads, and lets them wait."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: asyncio.Event | None = None
        """Reads wait for it, if there is one."""
        self.reads = 0
        self.unserved: list[Kind] = []
        """Kinds that are not served yet; asked for once, they are."""

    def add(self, *objects: Json) -> None:
        for each in objects:
            self.put(Kind(each["kind"]), each)

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        await self._pass()
        if kind in self.unserved:
            self.unserved.remove(kind)
            raise Unavailable(f"GET {kind}: 503")
        return await super().get(kind, namespace, name)

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Sequence[Object]:
        await self._pass()
        return await super().list(kind, namespace, labels, fields)

    async def _pass(self) -> None:
        self.reads += 1
        if self.gate is not None:
            await self.gate.wait()


def snapshot(*edges: GraphEdge, stale: bool = False, after: float = 0) -> TelemetrySnapshot:
    selects = GraphEdge(
        relation="selects",
        source=ServiceTarget(namespace=NAMESPACE, name="checkout"),
        sink=CHECKOUT,
    )
    return make(
        TelemetrySnapshot,
        occurred_at=NOW + dt.timedelta(seconds=after),
        freshness=(Freshness(source=Source.KUBERNETES, seen_at=NOW, stale=stale),),
        graph=(selects, *edges),
        workloads=tuple(_row(each) for each in (CHECKOUT, workload("orders-db", "StatefulSet"))),
    )


def _row(target: Target) -> dict[str, Any]:
    counts = ("generation", "observed_generation", "desired", "current", "updated", "ready")
    more = {"available": 1, "restarts": 0, "minimum": 1, "rolling_out": False}
    return {"target": target, "uid": "uid", **dict.fromkeys(counts, 1), **more}


@dataclass
class Orienter:
    """One life of the service over a bus that outlives it."""

    bus: MemoryBus
    cluster: Cluster
    clock: FixedClock
    handlers: Handlers
    diagnosing: Diagnosing
    metrics: CollectorRegistry

    async def hear(self, event: Event, *, deliveries: int = 1) -> None:
        given = delivery(event, deliveries=deliveries)
        if isinstance(event, TelemetrySnapshot):
            await self.handlers.telemetry(given)
        else:
            await self.handlers.loop(given)

    def said(self, event: type[Each]) -> list[Each]:
        return [each for each in self.bus.published if isinstance(each, event)]

    async def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - a condition over what was published and read
                await asyncio.sleep(0.005)

    async def ready(self, attempt: int = 1, count: int = 1) -> DiagnosisReady:
        """Wait for the diagnoses of an attempt and return the last one."""
        found: list[DiagnosisReady] = []

        def there() -> bool:
            found[:] = [each for each in self.said(DiagnosisReady) if each.attempt == attempt]
            return len(found) >= count

        await self.until(there)
        return found[-1]

    def started(self) -> list[int]:
        return [each.attempt for each in self.said(DiagnosisStarted)]


@asynccontextmanager
async def living(
    bus: MemoryBus,
    cluster: Cluster,
    clock: FixedClock,
    *,
    seeing: bool = True,
    model: ModelSettings | None = None,
    tracer: Tracer | None = None,
    tool_seconds: float = 1.5,
    looks_within_seconds: float = 0.0,
) -> AsyncIterator[Orienter]:
    """Run the service until the block ends; then it is killed where it is.

    It looks once, unless it is given the time to look again.
    """
    sight = Sight()
    if seeing:
        sight.keep(snapshot())
    store = Incidents(bus.bucket(topology.INCIDENTS, Incident))
    await store.load()
    tools = Toolbox(cluster, NoPrometheus(), sight, clock, WEIGHTS).tools()
    registry = CollectorRegistry()
    meters = Meters(registry)
    counsel = None
    if model is not None:
        watching = instruments(registry, tracer or NoOpTracer(), model)
        counsel = Counsel(tools, model, clock, WEIGHTS, meters, watching)
    diagnosing = Diagnosing(
        store,
        bus,
        Announcer("cluster"),
        Inquiry(tools, clock, meters, tool_seconds=tool_seconds, total_seconds=tool_seconds + 0.5),
        sight,
        clock,
        WEIGHTS,
        meters,
        counsel,
        first_snapshot_seconds=0.1,
        patience_seconds=2.5,
        looks_within_seconds=looks_within_seconds,
    )
    handlers = Handlers(store, diagnosing, sight, clock, WEIGHTS)
    work = asyncio.create_task(diagnosing.work())
    try:
        yield Orienter(bus, cluster, clock, handlers, diagnosing, registry)
    finally:
        work.cancel()
        await asyncio.wait([work])
        if not work.cancelled() and (error := work.exception()):
            raise error
