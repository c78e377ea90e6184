"""Pods for which a StatefulSet waits, once its template is as before: deleted, and no others."""

from typing import Any

import pytest

from factories.fault_runs import NAMESPACE, fault_run
from factories.objects import deployment
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import (
    ChangeStep,
    FaultRun,
    LeftOverStep,
    Phase,
    StepRecord,
    Undone,
)
from ooda.common.plans import FieldChange
from ooda.common.testing.cluster import FakeCluster
from ooda.injector.core.machine import Role
from ooda.injector.faults.scene import reference
from ooda.injector.journal import Journal
from ooda.injector.left_overs import delete_stuck
from servers.driving import driving
from servers.waiting import until

OWN = "ooda-system"
AT_ONCE = Role(begins=False, grace=0.0)
BEFORE, BROKEN = "db-1", "db-2"
IMAGE = "/spec/template/spec/containers/name=app/image"


def stateful_set(*, observed: bool = True, image: str = "shop:1", uid: str = "s") -> dict[str, Any]:
    made = deployment(
        "db", kind="StatefulSet", image=image, generation=3, observed=3 if observed else 2
    )
    made["metadata"]["uid"] = uid
    made["spec"]["selector"] = {"matchLabels": {"app": "db"}}
    made["status"]["updateRevision"] = BEFORE
    return made


def pod(number: int, revision: str, *, ready: bool = False) -> dict[str, Any]:
    owner = {"kind": "StatefulSet", "name": "db", "uid": "s", "controller": True}
    labels = {"app": "db", "controller-revision-hash": revision}
    meta = {"name": f"db-{number}", "namespace": NAMESPACE, "uid": f"u{number}", "labels": labels}
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": meta | {"ownerReferences": [owner]},
        "spec": {},
        "status": {"conditions": conditions},
    }


def cluster(live: dict[str, Any], *pods: dict[str, Any]) -> FakeCluster:
    made = FakeCluster()
    made.put(Kind.STATEFUL_SET, live)
    for each in pods:
        made.put(Kind.POD, each)
    return made


async def left(api: FakeCluster) -> list[str]:
    return sorted(each["metadata"]["name"] for each in await api.list(Kind.POD, NAMESPACE))


STEP = LeftOverStep(object=reference(Kind.STATEFUL_SET, stateful_set()), before=BEFORE)
STUCK, STARTING, WELL = pod(0, BROKEN), pod(1, BEFORE), pod(2, BROKEN, ready=True)


@pytest.mark.parametrize(
    ("live", "pods", "found", "stay"),
    [
        (stateful_set(), [STUCK, STARTING], Undone.REVERTED, ["db-1"]),
        (stateful_set(), [STARTING], Undone.NOTHING, ["db-1"]),
        (stateful_set(), [STUCK, WELL], None, ["db-2"]),
        (stateful_set(observed=False), [STUCK], None, ["db-0"]),
        (stateful_set(uid="another"), [STUCK], Undone.GONE, ["db-0"]),
    ],
    ids=["one that is stuck", "none", "one that is ready", "not seen yet", "another StatefulSet"],
)
async def test_only_what_is_stuck_is_deleted(
    live: dict[str, Any], pods: list[dict[str, Any]], found: Undone | None, stay: list[str]
) -> None:
    api = cluster(live, *pods)
    assert await delete_stuck(api, STEP) is found
    assert await left(api) == stay


async def test_of_one_that_is_gone_nothing_is_left_over() -> None:
    assert await delete_stuck(FakeCluster(), STEP) is Undone.GONE


async def begun(api: FakeCluster, image: str, **given: Any) -> FaultRun:
    """Have a run in the journal whose time is over, and whose template says that image."""
    changed = ChangeStep(
        object=STEP.object, changes=(FieldChange(path=IMAGE, before="shop:1", after="shop:2"),)
    )
    now = SystemClock().now()
    times = {"admitted": now, "armed": now}
    done = image == "shop:2"
    steps = StepRecord(step=STEP), StepRecord(step=changed, done=done)
    phases: dict[str, Any] = {"phase": Phase.ACTIVE, "expires_at": now, "times": times}
    run = fault_run(*steps, workload=STEP.object, **phases, **given)
    return (await Journal(api, OWN).begin(run)).run


async def come_to(api: FakeCluster, phase: Phase) -> FaultRun:
    async def there() -> bool:
        entry = await Journal(api, OWN).find("run-1")
        return entry is not None and entry.run.phase is phase

    await until(there)
    entry = await Journal(api, OWN).find("run-1")
    assert entry is not None
    return entry.run


async def test_the_reaper_frees_it_after_its_template_is_as_before() -> None:
    api = cluster(stateful_set(image="shop:2"), STUCK)
    await begun(api, "shop:2")
    async with driving(api, OWN, AT_ONCE):
        ended = await come_to(api, Phase.ENDED)
    assert [each.undone for each in ended.steps] == [Undone.REVERTED, Undone.REVERTED]
    assert await left(api) == []


async def test_it_is_freed_though_nobody_lived_to_say_that_it_was_changed_and_undone() -> None:
    api = cluster(stateful_set(), STUCK, STARTING)
    await begun(api, "shop:1")
    async with driving(api, OWN, AT_ONCE):
        ended = await come_to(api, Phase.ENDED)
    assert [each.undone for each in ended.steps] == [Undone.REVERTED, Undone.NOTHING]
    assert await left(api) == ["db-1"]


async def test_what_its_controller_never_sees_is_a_teardown_that_failed() -> None:
    api = cluster(stateful_set(image="shop:2", observed=False), STUCK)
    await begun(api, "shop:2", recovery_seconds=0.2)
    async with driving(api, OWN, AT_ONCE):
        failed = await come_to(api, Phase.TEARDOWN_FAILED)
    assert failed.problem == f"StatefulSet {NAMESPACE}/db has pods of another template still."
    assert await left(api) == ["db-0"]
