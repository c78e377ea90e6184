"""StatefulSets and DaemonSets as targets: found, broken and given back, or refused."""

from collections.abc import Mapping

import pytest
import pytest_asyncio

from fakes.hands import HoldingHands
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import Ending, FaultRun, LeftOverStep, Phase, Undone
from ooda.injector.core.machine import INJECTOR
from servers.breakable import AGENT, CLIENT, DATABASE, TARGET, Breakable, other_kinds, workload
from servers.driving import driving
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

BROKEN = {"tag": "broken"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _mixed(kept: Breakable) -> None:
    namesake = workload(CLIENT, Kind.DAEMON_SET)
    labels = {"app": "namesake"}
    namesake["spec"]["selector"]["matchLabels"] = labels
    namesake["spec"]["template"]["metadata"]["labels"] = labels
    await kept.make([*other_kinds(), namesake])


@pytest.mark.parametrize(
    ("target", "kind", "name"),
    [
        (DATABASE, Kind.STATEFUL_SET, DATABASE),
        (AGENT, Kind.DAEMON_SET, AGENT),
        (TARGET, Kind.DEPLOYMENT, TARGET),
        (f"Deployment/{CLIENT}", Kind.DEPLOYMENT, CLIENT),
        (f"daemonset/{CLIENT}", Kind.DAEMON_SET, CLIENT),
        (f"app={DATABASE}", Kind.STATEFUL_SET, DATABASE),
    ],
)
async def test_a_target_is_found_by_name_kind_or_labels(
    kept: Breakable, target: str, kind: Kind, name: str
) -> None:
    run = await kept.admission().admit(kept.asked("pod-kill", target=target), 1)
    assert isinstance(run, FaultRun), run
    assert (run.workload.kind, run.workload.name) == (kind, name)
    assert run.effect is not None
    grace = 0 if kind is Kind.DEPLOYMENT else 30
    assert run.effect.within_seconds == 60 + grace
    assert str(run.truth.component).startswith(f"{kind} ")
    assert f"{kind}/{name}" not in (run.spared.workloads if run.spared else ())


SEVERAL = f"Deployment/{CLIENT}, DaemonSet/{CLIENT}"


@pytest.mark.parametrize(
    ("scenario", "target", "code", "said"),
    [
        ("pod-kill", CLIENT, "too_many_targets", SEVERAL),
        ("pod-kill", f"app={CLIENT}", "too_many_targets", SEVERAL),
        ("pod-kill", f"DaemonSet/{TARGET}", "no_target", f"DaemonSet/{TARGET} is no "),
        ("pod-kill", f"Pod/{TARGET}", "bad_target", "Deployment, StatefulSet or DaemonSet"),
        ("replica-scale-down", AGENT, "not_applicable", "no number of replicas"),
        ("unschedulable", AGENT, "not_applicable", "a DaemonSet wants no pod"),
        ("packet-loss", DATABASE, "not_applicable", f"client {CLIENT} is more than one: {SEVERAL}"),
    ],
)
async def test_it_is_refused_and_says_why(
    kept: Breakable, scenario: str, target: str, code: str, said: str
) -> None:
    before = await kept.contents()
    parameters = {"client": CLIENT} if scenario == "packet-loss" else {}
    refusal = await kept.refused(scenario=scenario, target=target, parameters=parameters)
    assert refusal.code == code
    assert said in refusal.reason
    assert await kept.contents() == before


async def test_a_template_that_is_not_rolled_out_is_no_target(breakable: Breakable) -> None:
    for each in other_kinds():
        each["spec"]["updateStrategy"] = {"type": "OnDelete"}
        await breakable.make([each])
        refusal = await breakable.refused(target=each["metadata"]["name"])
        assert (refusal.code, "OnDelete" in refusal.reason) == ("not_applicable", True)


async def test_an_autoscaled_stateful_set_is_not_scaled_down(breakable: Breakable) -> None:
    await breakable.make(other_kinds()[:1])
    target = f"statefulset/{DATABASE}"
    breakable.plane.kubectl("-n", breakable.namespace, "autoscale", target, "--max=5")
    refusal = await breakable.refused(scenario="replica-scale-down", target=target)
    assert refusal.code == "autoscaled"


ROWS: list[tuple[str, str, Mapping[str, str]]] = [
    ("pod-kill", DATABASE, {}),
    ("image-pull-failure", DATABASE, BROKEN),
    ("crash-loop-release", DATABASE, {}),
    ("unschedulable", DATABASE, {}),
    ("oom-kill", DATABASE, {}),
    ("probe-misconfigured", DATABASE, {}),
    ("config-missing", DATABASE, {}),
    ("network-cut", DATABASE, {}),
    ("replica-scale-down", DATABASE, {}),
    ("quota-exhausted", DATABASE, {}),
    ("service-misroute", DATABASE, {}),
    ("cpu-throttle", DATABASE, {}),
    ("pod-kill", AGENT, {}),
    ("image-pull-failure", AGENT, BROKEN),
    ("oom-kill", AGENT, {}),
    ("config-missing", AGENT, {}),
    ("network-cut", AGENT, {}),
    ("quota-exhausted", AGENT, {}),
    ("cpu-throttle", AGENT, {}),
]


@pytest.mark.parametrize(("scenario", "target", "parameters"), ROWS)
async def test_it_bites_and_is_given_back(
    kept: Breakable, scenario: str, target: str, parameters: Mapping[str, str]
) -> None:
    await until(kept.healthy, 30)
    before = await kept.contents()
    run = await kept.admitted(scenario, target=target, parameters=parameters)
    ended = await there_and_back(kept, run)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    assert await kept.contents() == before


async def test_what_waits_for_a_broken_pod_is_freed(kept: Breakable) -> None:
    """Its controller would wait for the pod for ever, though the template is as before."""
    await until(kept.healthy, 30)
    run = await kept.admitted(target=DATABASE, parameters=BROKEN)
    ended = await there_and_back(kept, run)
    assert [(isinstance(each.step, LeftOverStep), each.undone) for each in ended.steps] == [
        (True, Undone.REVERTED),
        (False, Undone.REVERTED),
    ]


async def there_and_back(kept: Breakable, run: FaultRun) -> FaultRun:
    """Break it, see that it bites, end it, and wait until its baseline is back."""

    async def bitten() -> bool:
        found = await kept.found(run.run_id)
        return found.phase is Phase.ACTIVE and not found.unproven

    async def over() -> bool:
        return (await kept.found(run.run_id)).phase in (Phase.ENDED, Phase.TEARDOWN_FAILED)

    hands = HoldingHands(biting=True)
    injecting = driving(kept.api, kept.own, INJECTOR, proves=True)
    async with on_node(kept.api, kept.own, NODE, hands), injecting:
        await until(bitten, 30)
        now = SystemClock().now()
        await abort_run(kept.api, run.run_id, "alice", now, namespace=kept.own)
        await until(over, 40)
    return await kept.found(run.run_id)
