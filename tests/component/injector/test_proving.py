"""Since when a run bites is written down, once, whatever happens meanwhile; and what is well."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from factories.objects import container, deployment, pod, waiting
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.events import FaultCleared
from ooda.common.fault_probes import (
    AccessProbe,
    AccessRule,
    Effect,
    EndpointsProbe,
    NodeProbe,
    PodSign,
    PodsProbe,
    ReplicasProbe,
)
from ooda.common.fault_runs import (
    DeletePodStep,
    Ending,
    FaultRun,
    GroundTruth,
    NodeStep,
    Phase,
    Spared,
    StepRecord,
)
from ooda.common.node_means import Direction, PacketFault, Partition, Traffic
from ooda.common.plans import ObjectRef
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import FailureClass
from ooda.common.testing.cluster import FakeCluster
from ooda.injector import baseline
from ooda.injector.core.announcements import due
from ooda.injector.core.machine import INJECTOR
from ooda.injector.databases import Postgres
from ooda.injector.journal import Journal
from ooda.injector.probes.choosing import probe_of
from ooda.injector.probes.outside import Outside
from ooda.injector.proving import Prover
from servers.driving import driving
from servers.waiting import until

HERE, OWN = "fault-injection-shop", "ooda-system"
POD = ObjectRef(kind="Pod", namespace=HERE, name="checkout-1-a", uid="uid-checkout-1-a")
PULL = PodsProbe(labels={"app": "checkout"}, sign=PodSign.WAITING, reasons=("ErrImagePull",))
RULE = AccessRule(verb="get", group="", resource="configmaps")
ROLE = {
    "metadata": {"name": "r", "namespace": HERE},
    "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]}],
}
BINDING = {
    "metadata": {"name": "b", "namespace": HERE},
    "roleRef": {"kind": "Role", "name": "r"},
    "subjects": [{"kind": "ServiceAccount", "name": "checkout"}],
}


class Open:
    """Where connections are made."""

    def __init__(self) -> None:
        self.ports = {8080}

    @property
    def outside(self) -> Outside:
        return Outside(self.dial, Postgres())

    async def dial(self, address: str, port: int) -> bool:  # noqa: ARG002 - every address is the same
        return port in self.ports


@pytest.fixture
def opened() -> Open:
    return Open()


@pytest.fixture
def api() -> FakeCluster:
    made = FakeCluster()
    made.put(Kind.DEPLOYMENT, deployment(namespace=HERE))
    made.put(Kind.POD, pod())
    made.put(Kind.ROLE, ROLE)
    made.put(Kind.ROLE_BINDING, BINDING)
    lead(made, 8080)
    return made


def lead(api: FakeCluster, port: int) -> None:
    labels = {"kubernetes.io/service-name": "checkout"}
    api.put(
        Kind.ENDPOINT_SLICE,
        {
            "metadata": {"name": "s", "namespace": HERE, "labels": labels},
            "ports": [{"port": port}],
            "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
        },
    )


async def begun(api: FakeCluster, probe: Any, **given: Any) -> FaultRun:
    now = SystemClock().now()
    hold, within = given.pop("hold_seconds", 0.0), given.pop("within_seconds", 60.0)
    fields: dict[str, Any] = {
        "run_id": "run-1",
        "request_id": "q",
        "sequence": 1,
        "cluster_id": "c",
        "namespace": HERE,
        "namespace_uid": "n",
        "scenario": "some-fault",
        "target": "checkout",
        "workload": ObjectRef(kind="Deployment", namespace=HERE, name="checkout", uid="u"),
        "duration_seconds": 60.0,
        "recovery_seconds": 60.0,
        "truth": GroundTruth(
            failure_class=FailureClass.POD_KILLED,
            component=WorkloadTarget(namespace=HERE, workload_kind="Deployment", name="checkout"),
            accepted=(),
        ),
        "steps": [StepRecord(step=DeletePodStep(object=POD), done=True)],
        "leases": ["run-x"],
        "baseline": {},
        "phase": Phase.ACTIVE,
        "expires_at": now + dt.timedelta(seconds=60),
        "times": {"admitted": now, "armed": now, "mutated": now, "active": now},
        "effect": Effect(probe=probe, within_seconds=within, hold_seconds=hold),
    }
    run = FaultRun.model_validate(fields | given)
    return (await Journal(api, OWN).begin(run)).run


async def found(api: FakeCluster) -> FaultRun:
    entry = await Journal(api, OWN).find("run-1")
    assert entry is not None
    return entry.run


@asynccontextmanager
async def proving(api: FakeCluster, opened: Open) -> AsyncIterator[None]:
    task = asyncio.create_task(Prover(api, OWN, SystemClock(), opened.outside).run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def proven(api: FakeCluster) -> FaultRun:
    async def seen() -> bool:
        return not (await found(api)).unproven

    await until(seen)
    return await found(api)


async def looked(api: FakeCluster, opened: Open) -> None:
    """Wait until whoever looks has had every occasion to, with what is there now."""
    probe = probe_of(api, OWN, await found(api), opened.outside)
    assert probe is not None
    assert not (await probe.look()).bites
    for _ in range(50):
        await asyncio.sleep(0)
    assert (await found(api)).unproven


def break_pods(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    api.put(Kind.POD, pod(containers=[waiting("ErrImagePull")]))


def mend_pods(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    api.put(Kind.POD, pod())


def break_replicas(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    api.put(Kind.DEPLOYMENT, deployment(namespace=HERE, replicas=0))


def mend_replicas(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    api.put(Kind.DEPLOYMENT, deployment(namespace=HERE))


def break_port(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    lead(api, 9)


def mend_port(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    lead(api, 8080)


def close_port(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    opened.ports.clear()


def open_port(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    opened.ports.add(8080)


def break_role(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    api.put(Kind.ROLE, ROLE | {"rules": []})


def mend_role(api: FakeCluster, opened: Open) -> None:  # noqa: ARG001 - like the others
    api.put(Kind.ROLE, ROLE)


LEADS = EndpointsProbe(service="checkout", before=("10.0.0.1:8080",), reachable=True)


@pytest.mark.parametrize(
    ("probe", "breaks", "mends", "period_ms"),
    [
        pytest.param(PULL, break_pods, mend_pods, 0, id="pods"),
        pytest.param(
            ReplicasProbe(sign="short", before=1),
            break_replicas,
            mend_replicas,
            0,
            id="replicas",
        ),
        pytest.param(LEADS, break_port, mend_port, 250, id="endpoints"),
        pytest.param(LEADS, close_port, open_port, 250, id="connection"),
        pytest.param(
            LEADS.model_copy(update={"reachable": False}),
            break_port,
            mend_port,
            250,
            id="endpoints of whom the injector is kept out",
        ),
        pytest.param(
            AccessProbe(account="checkout", rule=RULE), break_role, mend_role, 500, id="access"
        ),
    ],
)
async def test_a_fault_is_seen_to_bite_and_to_have_gone(
    api: FakeCluster, opened: Open, probe: Any, breaks: Any, mends: Any, period_ms: int
) -> None:
    run = await begun(api, probe)
    looking = probe_of(api, OWN, run, opened.outside)
    async with proving(api, opened):
        await looked(api, opened)
        before = SystemClock().now()
        breaks(api, opened)
        seen = await proven(api)
    assert before <= seen.times["effective"] <= SystemClock().now()
    assert seen.probe_period_ms == period_ms
    problem = await baseline.missing(api, seen, looking)
    assert problem is not None
    mends(api, opened)
    assert await baseline.missing(api, seen, looking) is None


async def test_what_lasts_for_a_moment_is_no_effect_and_what_holds_counts_from_its_first_sight(
    api: FakeCluster, opened: Open
) -> None:
    await begun(api, PULL, hold_seconds=0.3)
    async with proving(api, opened):
        break_pods(api, opened)
        await asyncio.sleep(0)
        mend_pods(api, opened)
        await looked(api, opened)
        first = SystemClock().now()
        break_pods(api, opened)
        await until(lambda: SystemClock().now() - first > dt.timedelta(seconds=0.1))
        assert (await found(api)).unproven
        api.put(Kind.POD, pod("checkout-1-b", containers=[container()]))  # some other change
        seen = await proven(api)
    assert seen.times["effective"] - first < dt.timedelta(seconds=0.2)


async def test_nothing_is_written_before_something_is_changed(
    api: FakeCluster, opened: Open
) -> None:
    now = SystemClock().now()
    await begun(api, PULL, phase=Phase.ARMED, times={"admitted": now, "armed": now})
    break_pods(api, opened)
    async with proving(api, opened):
        for _ in range(50):
            await asyncio.sleep(0)
        run = await found(api)
        assert run.unproven
        later = now + dt.timedelta(seconds=30)
        entry = await Journal(api, OWN).find("run-1")
        assert entry is not None
        changed = run.model_copy(update={"times": {**run.times, "mutated": later}})
        await Journal(api, OWN).write(entry, changed)
        seen = await proven(api)
    assert seen.times["effective"] == later


async def test_a_fault_in_a_pods_network_bites_since_that_was_seen_there(
    api: FakeCluster, opened: Open
) -> None:
    means = PacketFault(fault=Partition(), traffic=Traffic(direction=Direction.BOTH))
    step = StepRecord(step=NodeStep(object=POD, node="n", means=means))
    run = await begun(api, NodeProbe(), steps=[step], phase=Phase.ARMED)
    async with proving(api, opened):
        await looked(api, opened)
        armed = run.times["armed"] + dt.timedelta(seconds=2)
        entry = await Journal(api, OWN).find("run-1")
        assert entry is not None
        await Journal(api, OWN).write(entry, run.with_step(0, done=True, armed_at=armed))
        for _ in range(50):
            await asyncio.sleep(0)
        entry = await Journal(api, OWN).find("run-1")
        assert entry is not None
        assert entry.run.unproven
        bites = armed + dt.timedelta(seconds=1)
        await Journal(api, OWN).write(entry, entry.run.with_step(0, bites_at=bites))
        seen = await proven(api)
    assert seen.times["effective"] == bites


async def test_who_is_hit_beside_the_target_is_written_down(api: FakeCluster, opened: Open) -> None:
    for name in ("web", "mail"):
        api.put(Kind.DEPLOYMENT, deployment(name, namespace=HERE))
    database = deployment("db", kind="StatefulSet", namespace=HERE)
    api.put(Kind.STATEFUL_SET, database)
    spared = Spared(
        workloads=("Deployment/mail", "Deployment/web", "StatefulSet/db"), hold_seconds=0.1
    )
    await begun(api, PULL, spared=spared)
    api.put(Kind.DEPLOYMENT, deployment("web", ready=0, namespace=HERE))

    def hit(*names: str) -> Callable[[], Awaitable[bool]]:
        async def told() -> bool:
            return set((await found(api)).bystanders) == set(names)

        return told

    async with proving(api, opened):
        break_pods(api, opened)
        await until(hit("Deployment/web"))
        since = (await found(api)).bystanders["Deployment/web"]
        api.remove(Kind.STATEFUL_SET, HERE, "db")
        api.put(Kind.DEPLOYMENT, deployment("web", namespace=HERE))  # it stays written down
        await until(hit("Deployment/web", "StatefulSet/db"))
        seen = await proven(api)
    assert seen.bystanders["Deployment/web"] == since
    (cleared,) = due(seen.enter(Phase.ENDED, since, ending=Ending.EXPIRED))[-1:]
    assert isinstance(cleared, FaultCleared)
    assert cleared.bystanders == ("Deployment/web", "StatefulSet/db")
    assert "Hit as well: Deployment/web, StatefulSet/db." in cleared.summary


async def test_whoever_begins_again_goes_on_looking(api: FakeCluster, opened: Open) -> None:
    await begun(api, PULL)
    async with proving(api, opened):
        await looked(api, opened)
    break_pods(api, opened)
    async with proving(api, opened):
        await proven(api)


@pytest.mark.parametrize("seconds", [0.2, 60.0], ids=["its allowance", "its end"])
async def test_a_run_that_nobody_sees_bite_has_failed(api: FakeCluster, seconds: float) -> None:
    ends = SystemClock().now() + dt.timedelta(seconds=60.2 - seconds)
    await begun(api, PULL, within_seconds=seconds, expires_at=ends)

    async def over() -> bool:
        return (await found(api)).phase is Phase.ENDED

    async with driving(api, OWN, INJECTOR, proves=True):
        await until(over)
    ended = await found(api)
    assert ended.ending is Ending.NO_EFFECT
    assert ended.problem.startswith("No effect was seen within")
    assert ended.unproven
