"""A run that rotates a password, from its request to its end, on a cluster in memory."""

import base64
import datetime as dt
from typing import Any

import pytest

from factories.fault_runs import NAMESPACE, fault_run
from factories.objects import deployment, pod
from fakes.databases import PaperDatabase
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_probes import Effect, LoginProbe
from ooda.common.fault_runs import Ending, Phase, RotateStep, StepRecord, Undone
from ooda.common.plans import ObjectRef
from ooda.common.testing.cluster import FakeCluster
from ooda.injector.core.machine import INJECTOR, Role
from ooda.injector.credentials import SEALED
from ooda.injector.journal import Journal
from ooda.injector.probes.outside import OUTSIDE, Outside
from servers.driving import driving
from servers.waiting import until

OWN, OLD, ADMIN = "ooda-system", "as-it-was", "of-the-administrator"
AT_ONCE = Role(begins=False, grace=0.0)


def secret(name: str, namespace: str = NAMESPACE, **values: str) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


def reference(kind: Kind, name: str) -> ObjectRef:
    return ObjectRef(kind=kind, namespace=NAMESPACE, name=name, uid="")


STEP = RotateStep(
    object=reference(Kind.SECRET, "credentials"),
    username_key="user",
    password_key="password",
    address="10.96.0.7",
    port=5432,
    admin=reference(Kind.SECRET, "admin"),
    admin_role="postgres",
    admin_key="password",
    knowing=("uid-checkout-1-a",),
)


@pytest.fixture
def api() -> FakeCluster:
    made = FakeCluster()
    live = deployment(namespace=NAMESPACE)
    live["spec"]["selector"] = {"matchLabels": {"app": "checkout"}}
    made.put(Kind.DEPLOYMENT, live)
    made.put(Kind.POD, pod())
    made.put(Kind.SECRET, secret("credentials", user="orders", password=OLD))
    made.put(Kind.SECRET, secret("admin", password=ADMIN))
    made.put(Kind.SECRET, secret(SEALED, OWN))
    return made


@pytest.mark.parametrize(
    ("ends", "left"),
    [
        pytest.param(INJECTOR, {"checkout-1-a"}, id="injector"),
        pytest.param(AT_ONCE, {"checkout-1-a", "checkout-1-b"}, id="reaper"),
    ],
)
async def test_there_and_back(api: FakeCluster, ends: Role, left: set[str]) -> None:
    database = PaperDatabase(orders=OLD, postgres=ADMIN)
    outside = Outside(OUTSIDE.dial, database)
    now = SystemClock().now()
    run = fault_run(
        StepRecord(step=STEP),
        phase=Phase.ADMITTED,
        workload=reference(Kind.DEPLOYMENT, "checkout"),
        expires_at=None,
        times={"admitted": now},
        duration_seconds=30.0,
        effect=Effect(probe=LoginProbe(), within_seconds=20),
    )
    await Journal(api, OWN).begin(run)

    async def found() -> Any:
        entry = await Journal(api, OWN).find(run.run_id)
        assert entry is not None
        return entry

    async def bites() -> bool:
        return not (await found()).run.unproven and (await found()).run.phase is Phase.ACTIVE

    async def over() -> bool:
        return (await found()).run.phase is Phase.ENDED

    async with driving(api, OWN, INJECTOR, proves=True, outside=outside):
        await until(bites)
    assert database.passwords["orders"] != OLD
    assert database.cut == ["orders"]
    api.put(Kind.POD, pod("checkout-1-b"))  # somebody restarts one: it reads the new password
    entry = await found()
    past = {"expires_at": now - dt.timedelta(seconds=1)}
    await Journal(api, OWN).write(entry, entry.run.model_copy(update=past))
    async with driving(api, OWN, ends, outside=outside):
        await until(over)
    ended = (await found()).run
    assert (ended.ending, ended.steps[0].undone) == (Ending.EXPIRED, Undone.REVERTED)
    assert database.passwords["orders"] == OLD
    assert {each["metadata"]["name"] for each in await api.list(Kind.POD, NAMESPACE)} == left
    assert (await api.get(Kind.SECRET, OWN, SEALED))["data"] == {}
    held = (await api.get(Kind.SECRET, NAMESPACE, "credentials"))["data"]
    assert held == secret("credentials", user="orders", password=OLD)["data"]
