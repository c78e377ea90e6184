"""Two replicas and one Lease, on a real API server."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Object, Refused
from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.leases import LeaseHolder, LeaseLostError, LeaseTimes
from ooda.common.settings import ClusterSettings
from ooda.common.testing.cluster import FakeCluster
from servers.control_plane import ControlPlane
from servers.waiting import until

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


async def keep_failing(keeper: LeaseHolder) -> tuple[float, LeaseLostError]:
    """Return after how many seconds it gave up, and what it said."""
    began = asyncio.get_running_loop().time()
    with pytest.raises(LeaseLostError) as lost:
        await asyncio.wait_for(keeper.keep(), 5)
    return asyncio.get_running_loop().time() - began, lost.value


@pytest.mark.parametrize("taker", ["robber", ""])
async def test_a_lease_that_somebody_else_took_or_gave_up_is_lost_at_once(
    api: ApiServer, name: str, taker: str
) -> None:
    slow = LeaseTimes(duration=60, renew_deadline=40, retry=0.1)
    robbed = LeaseHolder(api, "default", name, "robbed", SystemClock(), slow)
    await robbed.acquire()
    lease = dict(await api.get(Kind.LEASE, "default", name))
    taken = lease | {"spec": dict(lease["spec"]) | {"holderIdentity": taker}}
    await api.replace(Kind.LEASE, taken)
    seconds, lost = await keep_failing(robbed)
    assert seconds < 5
    assert f"is held by {taker or 'nobody'}" in str(lost)
    left = await api.get(Kind.LEASE, "default", name)
    assert left["spec"].get("holderIdentity") == taken["spec"]["holderIdentity"]


@pytest.mark.parametrize("verb", ["get", "update"])
async def test_a_lease_that_may_no_longer_be_written_is_lost(verb: str) -> None:
    cluster = FakeCluster()
    refused = holder(cluster, "lease", "refused")
    await refused.acquire()
    cluster.refuse(verb, Kind.LEASE)
    _, lost = await keep_failing(refused)
    assert isinstance(lost.__cause__, Refused)


async def test_who_may_not_have_it_at_all_is_told_so() -> None:
    cluster = FakeCluster()
    cluster.refuse("create", Kind.LEASE)
    with pytest.raises(Refused):
        await holder(cluster, "lease", "refused").acquire()


class Vanishing(FakeCluster):
    """Somebody deletes the Lease after each read, so often."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        found = await super().get(kind, namespace, name)
        if self.times:
            self.times -= 1
            self.remove(kind, namespace, name)
        return found


async def test_a_lease_that_is_deleted_between_reading_and_writing_is_written_the_next_time() -> (
    None
):
    cluster = Vanishing()
    cluster.put(Kind.LEASE, {"metadata": {"name": "lease", "namespace": "default"}, "spec": {}})
    cluster.times = 1
    keeper = holder(cluster, "lease", "keeper")
    await asyncio.wait_for(keeper.acquire(), 5)
    cluster.times = 1
    keeping = asyncio.create_task(keeper.keep())
    await until(lambda: cluster.writes.count("create Lease default/lease") == 2)
    await until(lambda: cluster.writes.count("replace Lease default/lease") >= 1)
    assert not keeping.done()
    keeping.cancel()


async def test_a_lease_without_a_spec_may_be_taken(api: ApiServer, name: str) -> None:
    head = {"apiVersion": Kind.LEASE.api_version, "kind": Kind.LEASE.value}
    await api.create(Kind.LEASE, head | {"metadata": {"name": name, "namespace": "default"}})
    await asyncio.wait_for(holder(api, name, "first").acquire(), 5)
