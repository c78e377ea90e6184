"""How fast the loop is on the cluster, beside loops that list pods every 5 s and every 30 s.

    .venv/bin/python benchmarks/detection.py [ROUNDS]

Needs `make shop` and `make agent`. Breaks the shop by plain API calls, one fault after the other,
and lets the agent heal it. The effect is the moment at which a watch of our own first shows the
failed state; the stages are the times at which the bus stored the events. The two pollers run all
the while, in the same process, and look with the same eyes: "first look" is when the first list
after the effect had come back, "missed" counts faults that were healed before it.
"""

import asyncio
import contextlib
import datetime as dt
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ooda.common.audit.address import audit_url
from ooda.common.audit.queries import reading, timeline
from ooda.common.bus.listening import listen
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Delta, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.events import IncidentClosed
from ooda.common.settings import Settings

SHOP = "fault-injection-shop"
PERIODS = (5.0, 30.0)
CLOSED_WITHIN = 180.0  # seconds
STAGES = ("anomaly.flagged", "diagnosis.started", "diagnosis.ready", "action.applied")

Failed = Callable[[Sequence[Object], Object], bool]
"""Say whether pods and Deployment show the failed state."""


@dataclass(frozen=True)
class Fault:
    """One mistake on one Deployment, and what shows that it bites."""

    name: str
    deployment: str
    operations: tuple[Mapping[str, Any], ...]
    failed: Failed


@dataclass
class Round:
    """What one fault led to; seconds after its effect."""

    fault: str
    stages: dict[str, float] = field(default_factory=dict)
    looks: dict[float, float] = field(default_factory=dict)
    missed: set[float] = field(default_factory=set)


def _waiting(*reasons: str) -> Failed:
    def failed(pods: Sequence[Object], _: Object) -> bool:
        return any(
            (status.get("state", {}).get("waiting") or {}).get("reason") in reasons
            for pod in pods
            for status in pod.get("status", {}).get("containerStatuses", ())
        )

    return failed


def _crashed_twice(pods: Sequence[Object], _: Object) -> bool:
    return any(
        status.get("restartCount", 0) > 0 and "running" not in status.get("state", {})
        for pod in pods
        for status in pod.get("status", {}).get("containerStatuses", ())
    )


def _to_nothing(_: Sequence[Object], deployment: Object) -> bool:
    return bool(deployment["spec"]["replicas"] == 0)


_APP = "/spec/template/spec/containers/0"
FAULTS = (
    Fault(
        "image_pull_failure",
        "catalog",
        ({"op": "replace", "path": f"{_APP}/image", "value": "ooda-shop:no-such-release"},),
        _waiting("ErrImagePull", "ImagePullBackOff"),
    ),
    Fault(
        "crash_loop",
        "shipping",
        ({"op": "add", "path": f"{_APP}/command", "value": ["python3", "-m", "shop.none"]},),
        _crashed_twice,
    ),
    Fault(
        "replica_shortfall",
        "recommendation",
        ({"op": "replace", "path": "/spec/replicas", "value": 0},),
        _to_nothing,
    ),
)


class Eyes:
    """What a watch knows of the shop, and when it first knew that something is the case."""

    def __init__(self) -> None:
        self._known: dict[tuple[Kind, str], Object] = {}
        self._news = asyncio.Event()

    async def follow(self, api: ApiServer, kind: Kind) -> None:
        """Keep up with one kind, for ever."""
        async for event in api.watch(kind, SHOP):
            if not isinstance(event, Delta):
                continue
            key = (kind, event.object["metadata"]["name"])
            if event.change == "deleted":
                self._known.pop(key, None)
            else:
                self._known[key] = event.object
            self._news.set()

    async def until(self, fault: Fault) -> dt.datetime:
        """Return when the watch first shows that a fault bites."""
        while not self.sees(fault):
            self._news.clear()
            await self._news.wait()
        return SystemClock().now()

    def sees(self, fault: Fault) -> bool:
        """Say whether it bites now."""
        pods = [each for (kind, _), each in self._known.items() if kind is Kind.POD]
        deployment = self._known.get((Kind.DEPLOYMENT, fault.deployment))
        return deployment is not None and fault.failed(pods, deployment)


@dataclass
class Poller:
    """Lists pods and Deployments in a fixed period, as a simple agent does."""

    period: float
    looks: list[tuple[dt.datetime, Sequence[Object], Sequence[Object]]] = field(
        default_factory=list
    )

    async def run(self, api: ApiServer) -> None:
        """Look for ever."""
        while True:
            pods = await api.list(Kind.POD, SHOP)
            deployments = await api.list(Kind.DEPLOYMENT, SHOP)
            self.looks = [*self.looks[-3:], (SystemClock().now(), pods, deployments)]
            await asyncio.sleep(self.period)

    async def first_look(self, after: dt.datetime, fault: Fault) -> tuple[float, bool]:
        """Return how long after the effect it first looked, and whether it saw the fault."""
        while True:
            for when, pods, deployments in self.looks:
                if when >= after:
                    named = {each["metadata"]["name"]: each for each in deployments}
                    saw = fault.failed(pods, named[fault.deployment])
                    return (when - after).total_seconds(), saw
            await asyncio.sleep(0.1)


async def main(rounds: int) -> None:
    """Break, measure, print."""
    settings = Settings.load()
    async with ApiServer.connect(settings.cluster) as api, following(api) as (eyes, pollers):
        done: list[Round] = []
        for number in range(rounds):
            for fault in FAULTS:
                done.append(await measure(settings, api, eyes, pollers, fault))
                _say(f"round {number + 1}, {fault.name}: {_stages(done[-1])}")
    _report(done)


@asynccontextmanager
async def following(api: ApiServer) -> AsyncIterator[tuple[Eyes, list[Poller]]]:
    """Have the watch and the pollers running."""
    eyes, pollers = Eyes(), [Poller(period) for period in PERIODS]
    work = [eyes.follow(api, Kind.POD), eyes.follow(api, Kind.DEPLOYMENT)]
    tasks = [asyncio.create_task(each) for each in [*work, *(each.run(api) for each in pollers)]]
    try:
        yield eyes, pollers
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)


async def measure(
    settings: Settings, api: ApiServer, eyes: Eyes, pollers: Sequence[Poller], fault: Fault
) -> Round:
    """Make one mistake, wait until its incident is closed, and read the stages."""
    assert settings.nats is not None
    assert settings.postgres is not None
    closing = asyncio.create_task(_closed(settings))
    await asyncio.sleep(0.5)  # until it listens
    await api.patch(Kind.DEPLOYMENT, SHOP, fault.deployment, fault.operations)
    effect = await eyes.until(fault)
    looking = [asyncio.create_task(each.first_look(effect, fault)) for each in pollers]
    async with asyncio.timeout(CLOSED_WITHIN):
        incident = await closing
    result = Round(fault.name)
    async with reading(audit_url(settings.postgres)) as engine:
        while not any(
            each.subject == "incident.closed" for each in await timeline(engine, incident)
        ):
            await asyncio.sleep(0.2)
        for entry in reversed(await timeline(engine, incident)):
            if entry.subject in STAGES:
                result.stages[entry.subject] = (entry.stored_at - effect).total_seconds()
    for poller, look in zip(pollers, looking, strict=True):
        after, saw = await look
        result.looks[poller.period] = after
        if not saw:
            result.missed.add(poller.period)
    return result


async def _closed(settings: Settings) -> str:
    assert settings.nats is not None
    async for heard in listen(settings.nats, ("incident.closed",)):
        event = heard.event()
        if isinstance(event, IncidentClosed) and event.namespace == SHOP:
            return event.incident_id
    raise AssertionError("the bus ended")


def _report(done: Sequence[Round]) -> None:
    _say(f"\n{len(done)} faults; seconds")
    _say(f"{'':<32}{'p50':>8}{'max':>8}{'missed':>8}")
    for title, begin, end in (
        ("effect → flagged", None, "anomaly.flagged"),
        ("flagged → started", "anomaly.flagged", "diagnosis.started"),
        ("started → ready", "diagnosis.started", "diagnosis.ready"),
        ("ready → applied", "diagnosis.ready", "action.applied"),
        ("effect → applied", None, "action.applied"),
    ):
        _line(title, [each.stages[end] - (each.stages[begin] if begin else 0) for each in done])
    for period in PERIODS:
        missed = sum(period in each.missed for each in done)
        title = f"effect → first look every {period:g} s"
        _line(title, [each.looks[period] for each in done], str(missed))


def _line(title: str, values: Sequence[float], missed: str = "") -> None:
    _say(f"{title:<32}{statistics.median(values):>8.2f}{max(values):>8.2f}{missed:>8}")


def _stages(one: Round) -> str:
    return ", ".join(f"{stage} +{after:.2f}" for stage, after in one.stages.items())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
