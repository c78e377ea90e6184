"""Runs on a real API server: each scenario there and back, and what comes in between."""

import asyncio
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest

from fakes.hands import HoldingHands
from ooda.common import kill_switch
from ooda.common.clock import SystemClock
from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import Ending, FaultRun, Phase, Restored, Undone
from ooda.injector.core.machine import INJECTOR, REAPER
from ooda.injector.journal import Journal
from ooda.injector.leases import Leases
from servers.breakable import CLIENT, TARGET, Breakable
from servers.driving import driving
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


async def reached(breakable: Breakable, run: FaultRun, *phases: Phase) -> FaultRun:
    async def there() -> bool:
        return (await breakable.found(run.run_id)).phase in phases

    await until(there, 30)
    return await breakable.found(run.run_id)


async def abort(breakable: Breakable, run: FaultRun) -> None:
    now = SystemClock().now()
    await abort_run(breakable.api, run.run_id, "alice", now, namespace=breakable.own)


async def test_nothing_on_the_target_tells_where_it_came_from(breakable: Breakable) -> None:
    run = await breakable.admitted("network-partition", parameters={"client": CLIENT})
    async with (
        on_node(breakable.api, breakable.own, NODE, HoldingHands()),
        driving(breakable.api, breakable.own, INJECTOR),
    ):
        await reached(breakable, run, Phase.ACTIVE)
        listed = [
            each
            for kind in (Kind.DEPLOYMENT, Kind.POD, Kind.SERVICE, Kind.NETWORK_POLICY, Kind.LEASE)
            for each in await breakable.api.list(kind, breakable.namespace)
        ]
    text = json.dumps([_bare(each, breakable.namespace) for each in listed]).lower()
    for word in ("inject", "fault", "chaos", "ooda", run.run_id):
        assert word not in text.replace("default", "")


def _bare(live: Object, namespace: str) -> Mapping[str, object]:
    """Leave out the namespace's own name, which the agent is not told apart by."""
    text = json.dumps(live).replace(namespace, "somewhere")
    found: Mapping[str, object] = json.loads(text)
    return found


async def test_what_somebody_else_repaired_is_left_alone(breakable: Breakable) -> None:
    run = await breakable.admitted("image-pull-failure")
    async with driving(breakable.api, breakable.own, INJECTOR):
        await reached(breakable, run, Phase.ACTIVE)
        image = f"deployment/{TARGET}", f"app=example/{TARGET}:1"
        breakable.plane.kubectl("-n", breakable.namespace, "set", "image", *image)
        live = await breakable.api.get(Kind.DEPLOYMENT, breakable.namespace, TARGET)
        await abort(breakable, run)
        ended = await reached(breakable, run, Phase.ENDED)
    assert [each.undone for each in ended.steps] == [Undone.REPAIRED]
    assert (ended.repaired, ended.repaired_by_agent) == (True, False)
    now = await breakable.api.get(Kind.DEPLOYMENT, breakable.namespace, TARGET)
    assert now["metadata"]["generation"] == live["metadata"]["generation"]


async def test_a_third_value_is_taken_back_too(breakable: Breakable) -> None:
    before = await breakable.contents()
    run = await breakable.admitted("oom-kill")
    async with driving(breakable.api, breakable.own, INJECTOR):
        await reached(breakable, run, Phase.ACTIVE)
        wanted = f"deployment/{TARGET}", "--limits=memory=48Mi"
        breakable.plane.kubectl("-n", breakable.namespace, "set", "resources", *wanted)
        await abort(breakable, run)
        ended = await reached(breakable, run, Phase.ENDED)
    assert [each.undone for each in ended.steps] == [Undone.OVERRIDDEN]
    assert not ended.repaired
    assert await breakable.contents() == before


async def test_what_others_changed_on_its_objects_is_set_back_too(breakable: Breakable) -> None:
    before = await breakable.contents()
    run = await breakable.admitted("service-misroute")
    async with driving(breakable.api, breakable.own, INJECTOR):
        await reached(breakable, run, Phase.ACTIVE)
        breakable.plane.kubectl(
            "-n", breakable.namespace, "scale", "deploy", TARGET, "--replicas=3"
        )
        wanted = f"deployment/{TARGET}", "--limits=memory=96Mi"
        breakable.plane.kubectl("-n", breakable.namespace, "set", "resources", *wanted)
        await abort(breakable, run)
        ended = await reached(breakable, run, Phase.ENDED)
    assert [(each.object.kind, each.found) for each in ended.images] == [
        (Kind.DEPLOYMENT, Restored.SET_BACK),
        (Kind.SERVICE, Restored.AS_BEFORE),
    ]
    assert await breakable.contents() == before


async def test_a_baseline_that_does_not_come_back_is_a_quarantine(breakable: Breakable) -> None:
    run = await breakable.admitted("image-pull-failure")
    entry = await Journal(breakable.api, breakable.own).find(run.run_id)
    assert entry is not None
    hasty = run.model_copy(update={"recovery_seconds": 1.0})
    await Journal(breakable.api, breakable.own).write(entry, hasty)
    async with driving(breakable.api, breakable.own, INJECTOR):
        await reached(breakable, run, Phase.ACTIVE)
        breakable.plane.kubectl("-n", breakable.namespace, "delete", "deploy", TARGET)
        await abort(breakable, run)
        ended = await reached(breakable, run, Phase.TEARDOWN_FAILED)
    assert ended.problem == "Deployment/cart is not as it was."
    assert len(await breakable.leases()) == 1
    assert (await breakable.refused()).code == "quarantined"


async def test_changed_between_plan_and_change_nothing_is_written_over(
    breakable: Breakable,
) -> None:
    run = await breakable.admitted("image-pull-failure")
    image = f"deployment/{TARGET}", "app=example/other:2"
    breakable.plane.kubectl("-n", breakable.namespace, "set", "image", *image)
    async with driving(breakable.api, breakable.own, INJECTOR):
        ended = await reached(breakable, run, Phase.ENDED)
    assert (ended.ending, ended.touched) == (Ending.CONFLICT, False)
    live = await breakable.api.get(Kind.DEPLOYMENT, breakable.namespace, TARGET)
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "example/other:2"


@pytest.mark.parametrize("ending", [Ending.BUSY, Ending.STOPPED])
async def test_what_is_in_the_way_once_it_is_written_down(
    breakable: Breakable, ending: Ending
) -> None:
    before = await breakable.contents()
    run, now = await breakable.admitted(), SystemClock().now()
    if ending is Ending.BUSY:
        await Leases(breakable.api, breakable.own).take(run.leases[0], "another", now)
    else:
        await kill_switch.stop(breakable.api, breakable.own, by="alice", reason="", now=now)
    async with driving(breakable.api, breakable.own, INJECTOR):
        ended = await reached(breakable, run, Phase.ENDED)
    assert (ended.ending, ended.expires_at, ended.touched) == (ending, None, False)
    assert await breakable.contents() == before
    assert await breakable.leases() == ([] if ending is Ending.STOPPED else list(run.leases))


async def test_with_its_injector_dead_a_fault_ends_within_ten_seconds_of_its_time(
    breakable: Breakable,
) -> None:
    run = await breakable.admitted("service-misroute", duration_seconds=1.0)
    async with driving(breakable.api, breakable.own, INJECTOR):
        await reached(breakable, run, Phase.ACTIVE)
    async with driving(breakable.api, breakable.own, REAPER):
        ended = await reached(breakable, run, Phase.ENDED)
    assert ended.expires_at is not None
    late = ended.times[str(Phase.VERIFYING)] - ended.expires_at
    assert dt.timedelta(seconds=REAPER.grace) <= late <= dt.timedelta(seconds=10)


async def test_since_when_it_bites_is_written_down_and_without_an_effect_it_has_failed(
    breakable: Breakable,
) -> None:
    before = await breakable.contents()
    seconds: dict[str, Any] = {"duration_seconds": 2.0}
    bites = await breakable.admitted(parameters={"tag": "broken"}, **seconds)
    async with driving(breakable.api, breakable.own, INJECTOR, proves=True):
        proven = await reached(breakable, bites, Phase.ENDED)
        idle = await breakable.admitted(parameters={"tag": "2"}, **seconds)  # which is there, here
        failed = await reached(breakable, idle, Phase.ENDED)
    assert proven.ending is Ending.EXPIRED
    effective = proven.times["effective"]
    assert proven.times["mutated"] <= effective <= proven.times[str(Phase.REVERTING)]
    assert (failed.ending, failed.problem) == (
        Ending.NO_EFFECT,
        "No effect was seen within 2 s.",
    )
    assert await breakable.contents() == before


async def test_injector_and_reaper_at_the_same_time(breakable: Breakable) -> None:
    before = await breakable.contents()
    run = await breakable.admitted(duration_seconds=1.0)
    hasty = INJECTOR.__class__(begins=False, grace=0.0)
    async with (
        driving(breakable.api, breakable.own, INJECTOR),
        driving(breakable.api, breakable.own, hasty),
        driving(breakable.api, breakable.own, hasty),
    ):
        ended = await reached(breakable, run, Phase.ENDED)
        await asyncio.sleep(0)
    assert ended.ending is Ending.NO_EFFECT  # none of them looks for it
    assert await breakable.contents() == before
    assert await breakable.leases() == []
