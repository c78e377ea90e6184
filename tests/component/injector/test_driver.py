"""What a driver does when the API server refuses, is away, or has what is no run of ours."""

import datetime as dt
from typing import Any

import pytest

from factories.objects import deployment
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import (
    ChangeStep,
    Ending,
    FaultRun,
    GroundTruth,
    Phase,
    StepRecord,
    Undone,
)
from ooda.common.plans import FieldChange
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import FailureClass
from ooda.common.testing.cluster import FakeCluster
from ooda.injector.core.fingerprint import fingerprint
from ooda.injector.core.machine import INJECTOR, Role
from ooda.injector.faults.scene import reference
from ooda.injector.journal import Journal
from servers.driving import driving
from servers.waiting import until

HERE, OWN = "fault-injection-shop", "ooda-system"
AT_ONCE = Role(begins=False, grace=0.0)
IMAGE = "/spec/template/spec/containers/name=app/image"


@pytest.fixture
def api() -> FakeCluster:
    made = FakeCluster()
    made.put(Kind.DEPLOYMENT, deployment(namespace=HERE, image="shop:1"))
    return made


async def begun(api: FakeCluster, name: str = "run-1", **given: Any) -> FaultRun:
    """Have a run in the journal whose time is over."""
    live = await api.get(Kind.DEPLOYMENT, HERE, "checkout")
    now = SystemClock().now()
    step = ChangeStep(
        object=reference(Kind.DEPLOYMENT, live),
        changes=(FieldChange(path=IMAGE, before="shop:1", after="shop:2"),),
    )
    fields: dict[str, Any] = {
        "run_id": name,
        "request_id": "q",
        "sequence": 1,
        "cluster_id": "c",
        "namespace": HERE,
        "namespace_uid": "n",
        "scenario": "image-pull-failure",
        "target": "checkout",
        "workload": step.object,
        "duration_seconds": 1.0,
        "recovery_seconds": 60.0,
        "truth": GroundTruth(
            failure_class=FailureClass.IMAGE_PULL_FAILURE,
            component=WorkloadTarget(namespace=HERE, workload_kind="Deployment", name="checkout"),
            accepted=(),
        ),
        "steps": [StepRecord(step=step, done=True)],
        "leases": ["run-x"],
        "baseline": {"Deployment/checkout": fingerprint(deployment(image="shop:1"))},
        "phase": Phase.ACTIVE,
        "expires_at": now,
        "times": {"admitted": now, "armed": now},
    }
    api.put(Kind.DEPLOYMENT, deployment(namespace=HERE, image="shop:2"))
    run = FaultRun.model_validate(fields | given)
    return (await Journal(api, OWN).begin(run)).run


async def come_to(api: FakeCluster, phase: Phase, name: str = "run-1") -> FaultRun:
    async def there() -> bool:
        entry = await Journal(api, OWN).find(name)
        return entry is not None and entry.run.phase is phase

    await until(there)
    entry = await Journal(api, OWN).find(name)
    assert entry is not None
    return entry.run


@pytest.mark.parametrize("role", [INJECTOR, AT_ONCE])
async def test_whose_time_is_over_is_taken_back(api: FakeCluster, role: Role) -> None:
    await begun(api)
    async with driving(api, OWN, role):
        ended = await come_to(api, Phase.ENDED)
    assert (ended.ending, ended.steps[0].undone) == (Ending.EXPIRED, Undone.REVERTED)
    live = await api.get(Kind.DEPLOYMENT, HERE, "checkout")
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:1"


async def test_refused_until_its_time_is_over_the_teardown_has_failed(api: FakeCluster) -> None:
    await begun(api, recovery_seconds=0.2)
    api.refuse("patch", Kind.DEPLOYMENT)
    async with driving(api, OWN, AT_ONCE):
        failed = await come_to(api, Phase.TEARDOWN_FAILED)
    assert "may not patch Deployment" in failed.problem


async def test_what_is_away_is_asked_again(api: FakeCluster) -> None:
    await begun(api, expires_at=SystemClock().now() + dt.timedelta(seconds=0.2))
    async with driving(api, OWN, AT_ONCE):
        api.set_unavailable(True)
        await until(lambda: not api.writes[1:])
        api.set_unavailable(False)
        await come_to(api, Phase.ENDED)


async def test_a_deployment_that_is_gone_cannot_be_given_back(api: FakeCluster) -> None:
    await begun(api, recovery_seconds=0.2)
    api.remove(Kind.DEPLOYMENT, HERE, "checkout")
    async with driving(api, OWN, AT_ONCE):
        failed = await come_to(api, Phase.TEARDOWN_FAILED)
    assert failed.steps[0].undone is Undone.GONE
    assert failed.problem == "Deployment/checkout is not as it was."


async def test_what_is_no_run_of_ours_keeps_no_other_from_its_end(api: FakeCluster) -> None:
    api.put(Kind.FAULT_RUN, {"metadata": {"name": "a", "namespace": OWN}, "spec": {"x": 1}})
    await begun(api, baseline={"Nonsense/x": "y"}, name="b", recovery_seconds=0.2)
    await begun(api, name="c")
    async with driving(api, OWN, AT_ONCE):
        await come_to(api, Phase.ENDED, "c")
        failed = await come_to(api, Phase.TEARDOWN_FAILED, "b")
    assert "Nonsense" in failed.problem
