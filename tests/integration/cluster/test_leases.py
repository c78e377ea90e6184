"""Two replicas and one Lease, on a real API server."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.leases import LeaseHolder, LeaseLostError, LeaseTimes
from ooda.common.settings import ClusterSettings
from ooda.common.testing.cluster import FakeCluster
from servers.control_plane import ControlPlane

QUICK = LeaseTimes(duration=2.0, renew_deadline=1.0, retry=0.1)


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[ApiServer]:
    async with ApiServer.connect(ClusterSettings(kubeconfig=plane.kubeconfig("leases"))) as api:
        yield api


def holder(api: ApiServer | FakeCluster, name: str, identity: str) -> LeaseHolder:
    return LeaseHolder(api, "default", name, identity, SystemClock(), QUICK)


@pytest.fixture
def name() -> str:
    return f"lease-{uuid.uuid4().hex[:8]}"


async def test_one_of_two_holds_it_and_the_other_takes_over_when_it_is_released(
    api: ApiServer, name: str
) -> None:
    first, second = holder(api, name, "first"), holder(api, name, "second")
    await first.acquire()
    keeping = asyncio.create_task(first.keep())
    waiting = asyncio.create_task(second.acquire())
    done, _ = await asyncio.wait([waiting, keeping], timeout=QUICK.duration * 1.5)
    assert not done
    keeping.cancel()
    await first.release()
    await asyncio.wait_for(waiting, 5)
    lease = await api.get(Kind.LEASE, "default", name)
    assert lease["spec"]["holderIdentity"] == "second"
    assert lease["spec"]["leaseTransitions"] == 1


async def test_a_dead_holder_is_succeeded_after_the_duration(api: ApiServer, name: str) -> None:
    await holder(api, name, "dead").acquire()
    await asyncio.wait_for(holder(api, name, "heir").acquire(), QUICK.duration * 5)


async def test_a_holder_that_cannot_renew_gives_up_before_another_may_take_over() -> None:
    cluster = FakeCluster()
    cut_off = holder(cluster, "lease", "cut off")
    await cut_off.acquire()
    cluster.set_unavailable(away=True)
    began = asyncio.get_running_loop().time()
    with pytest.raises(LeaseLostError):
        await cut_off.keep()
    assert asyncio.get_running_loop().time() - began < QUICK.duration


async def test_a_lease_that_somebody_else_took_is_lost() -> None:
    cluster = FakeCluster()
    robbed = holder(cluster, "lease", "robbed")
    await robbed.acquire()
    lease = dict(await cluster.get(Kind.LEASE, "default", "lease"))
    cluster.put(Kind.LEASE, lease | {"spec": dict(lease["spec"]) | {"holderIdentity": "robber"}})
    with pytest.raises(LeaseLostError):
        await robbed.keep()
