"""What a look has seen: whether the fault bites, and whether all is well."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from factories.fault_runs import T0, contact_step, fault_run, node_step
from factories.objects import container, ended, pod, waiting
from ooda.common.container_faults import CrashLoop
from ooda.common.fault_probes import (
    AccessProbe,
    AccessRule,
    CpuProbe,
    EndpointsProbe,
    PodSign,
    PodsProbe,
    ReplicasProbe,
)
from ooda.common.fault_runs import StepRecord, Undone
from ooda.common.node_means import Direction, Means, PacketFault, Partition, Proof, Traffic
from ooda.injector.core.looks import (
    Look,
    addresses_of,
    look_at_access,
    look_at_cpu,
    look_at_endpoints,
    look_at_node_steps,
    look_at_pods,
    look_at_replicas,
    rule_to_try,
)

WELL, ILL, BITES = (False, True), (False, False), (True, False)
BOTH = (True, True)
"""It was seen, and is over by itself."""

BLOCKED = {
    "phase": "Pending",
    "containerStatuses": [],
    "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"},
    ],
}
OOM = {"lastState": ended(137, -5, reason="OOMKilled")}
CRASH = {"lastState": ended(1, -5)}


def seen(look: Look) -> tuple[bool, bool]:
    return look.bites, look.well


def pods(sign: PodSign, *reasons: str, **more: Any) -> PodsProbe:
    return PodsProbe(labels={"app": "checkout"}, sign=sign, reasons=reasons, **more)


PULL = pods(PodSign.WAITING, "ErrImagePull", "ImagePullBackOff")
ENDED = pods(PodSign.ENDED, restarts={"uid-checkout-1-a/app": 2})
KILLED = pods(PodSign.ENDED, "OOMKilled", restarts={"uid-checkout-1-a/app": 2})
UNREADY = pods(PodSign.NOT_READY)
BLOCKS = pods(PodSign.UNSCHEDULABLE)
GONE = pods(PodSign.GONE, deleted=("uid-checkout-1-a",))
ANOTHER = pod("checkout-2-b")


@pytest.mark.parametrize(
    ("probe", "found", "expected"),
    [
        pytest.param(PULL, [pod()], WELL, id="pull: all run"),
        pytest.param(PULL, [pod(containers=[waiting("ErrImagePull")])], BITES, id="pull: bites"),
        pytest.param(PULL, [pod(containers=[waiting("PodInitializing")])], ILL, id="pull: begins"),
        pytest.param(PULL, [], ILL, id="pull: no pod"),
        pytest.param(
            PULL,
            [pod(), pod("x", containers=[waiting("ErrImagePull")], deleted=-1)],
            WELL,
            id="pull: the one that waits is leaving",
        ),
        pytest.param(
            PULL,
            [pod(), pod("x", phase="Failed", containers=[container(ready=False)])],
            WELL,
            id="pull: one that was evicted stays to be read",
        ),
        pytest.param(
            ENDED, [pod(containers=[container(restarts=2) | CRASH])], WELL, id="ended before"
        ),
        pytest.param(
            ENDED, [pod(containers=[container(restarts=3) | CRASH])], BOTH, id="ended since"
        ),
        pytest.param(
            ENDED,
            [pod(containers=[container(ready=False) | {"state": ended(1, -1)}])],
            BITES,
            id="ended now",
        ),
        pytest.param(
            ENDED,
            [pod(containers=[container(restarts=3) | {"lastState": ended(0, -5)}])],
            WELL,
            id="ended well",
        ),
        pytest.param(
            KILLED, [pod(containers=[container(restarts=3) | OOM])], BOTH, id="killed since"
        ),
        pytest.param(
            KILLED, [pod(containers=[container(restarts=3) | CRASH])], WELL, id="not for memory"
        ),
        pytest.param(
            KILLED,
            [pod("checkout-2-b", containers=[container(restarts=1) | OOM])],
            BOTH,
            id="killed: a new pod",
        ),
        pytest.param(UNREADY, [pod(ready=False)], BITES, id="unready"),
        pytest.param(
            UNREADY,
            [pod(containers=[waiting("ContainerCreating")])],
            ILL,
            id="unready: not there yet",
        ),
        pytest.param(BLOCKS, [pod(), pod("x", status=BLOCKED)], BITES, id="no node takes it"),
        pytest.param(BLOCKS, [pod()], WELL, id="a node takes it"),
        pytest.param(GONE, [pod()], WELL, id="not gone"),
        pytest.param(GONE, [pod(deleted=-1), ANOTHER], BOTH, id="leaving"),
        pytest.param(GONE, [ANOTHER], BOTH, id="gone and replaced"),
        pytest.param(GONE, [], BITES, id="gone"),
    ],
)
def test_pods(probe: PodsProbe, found: Sequence[Any], expected: tuple[bool, bool]) -> None:
    assert seen(look_at_pods(probe, found)) == expected


def test_pods_of_others_do_not_count() -> None:
    other = pod("cart-1-a", containers=[waiting("ErrImagePull")])
    other["metadata"]["labels"] = {"app": "cart"}
    assert seen(look_at_pods(PULL, [pod(), other])) == WELL


CPU = CpuProbe(labels={"app": "checkout"}, container="app", millicores=20)


def allowed(cpu: str | None) -> dict[str, Any]:
    resources = {} if cpu is None else {"resources": {"limits": {"cpu": cpu}}}
    return container() | resources


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([pod(containers=[allowed("500m")])], WELL),
        ([pod(containers=[allowed("20m")])], BITES),
        ([pod(containers=[allowed("0.02")])], BITES),
        ([pod(containers=[allowed("500m")]), pod("x", containers=[allowed("20m")])], BITES),
        ([pod(containers=[allowed(None)])], WELL),
        ([pod(containers=[allowed("500m")]), pod("x", ready=False)], ILL),
        (
            [pod(containers=[allowed("500m")]), pod("x", containers=[allowed("20m")], deleted=-1)],
            WELL,
        ),
        ([pod(containers=[allowed("20m") | {"name": "proxy"}])], WELL),
        ([], ILL),
    ],
)
def test_cpu(found: Sequence[Any], expected: tuple[bool, bool]) -> None:
    assert seen(look_at_cpu(CPU, found)) == expected


def deployment(ready: int, *, refused: bool = False) -> dict[str, Any]:
    condition = {"type": "ReplicaFailure", "status": str(refused)}
    status = {"readyReplicas": ready, "conditions": [condition]}
    return {"kind": "Deployment", "spec": {"replicas": 2}, "status": status}


def stateful_set(ready: int, there: int) -> dict[str, Any]:
    status = {"readyReplicas": ready, "replicas": there}
    return {"kind": "StatefulSet", "spec": {"replicas": 2}, "status": status}


def daemon_set(ready: int, there: int) -> dict[str, Any]:
    status = {"desiredNumberScheduled": 2, "currentNumberScheduled": there, "numberReady": ready}
    return {"kind": "DaemonSet", "spec": {}, "status": status}


SHORT = ReplicasProbe(sign="short", before=2)
REFUSED = ReplicasProbe(sign="refused", before=2)


@pytest.mark.parametrize(
    ("probe", "live", "expected"),
    [
        (SHORT, deployment(2), WELL),
        (SHORT, deployment(1), BITES),
        (SHORT, {"kind": "Deployment", "spec": {}, "status": {}}, BITES),
        (SHORT, stateful_set(1, 1), BITES),
        (SHORT, None, BITES),
        (REFUSED, deployment(1), ILL),
        (REFUSED, deployment(1, refused=True), BITES),
        (REFUSED, deployment(2, refused=True), BITES),
        (REFUSED, deployment(2), WELL),
        (REFUSED, stateful_set(1, 2), ILL),  # one is leaving, or starting
        (REFUSED, stateful_set(1, 1), BITES),
        (REFUSED, stateful_set(2, 2), WELL),
        (REFUSED, daemon_set(1, 2), ILL),
        (REFUSED, daemon_set(1, 1), BITES),
        (REFUSED, daemon_set(2, 2), WELL),
    ],
)
def test_replicas(probe: ReplicasProbe, live: Any, expected: tuple[bool, bool]) -> None:
    assert seen(look_at_replicas(probe, live)) == expected


def test_a_journal_from_when_all_targets_were_deployments_is_read() -> None:
    old = '{"kind": "replicas", "deployment": "cart", "sign": "short", "before": 2}'
    assert ReplicasProbe.model_validate_json(old) == SHORT


def slices(
    port: int | None, *addresses: str, ready: bool = True, of: str = "cart"
) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": of}},
        "ports": [] if port is None else [{"port": port}],
        "endpoints": [{"addresses": [each], "conditions": {"ready": ready}} for each in addresses],
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([slices(8080, "10.0.0.2", "10.0.0.1")], ("10.0.0.1:8080", "10.0.0.2:8080")),
        ([slices(8080, "fd00::1")], ("[fd00::1]:8080",)),
        ([slices(8080, "10.0.0.1"), slices(8080, "10.0.0.1")], ("10.0.0.1:8080",)),
        ([slices(8080, "10.0.0.1", ready=False)], ()),
        ([slices(None, "10.0.0.1")], ()),
        ([slices(8080, "10.0.0.1", of="web")], ()),
        ([], ()),
    ],
)
def test_where_a_service_leads(found: Sequence[Any], expected: tuple[str, ...]) -> None:
    assert addresses_of(found, "cart") == expected


@pytest.mark.parametrize(
    ("reachable", "now", "answered", "expected"),
    [
        (True, ["10.0.0.1:8080"], True, WELL),
        (True, ["10.0.0.1:9"], False, BITES),
        (True, [], False, BITES),
        (False, ["10.0.0.1:8080"], False, WELL),
        (False, ["10.0.0.7:8080"], False, WELL),
        (False, ["10.0.0.1:9"], False, BITES),
        (False, [], False, BITES),
    ],
)
def test_endpoints(
    now: Sequence[str], expected: tuple[bool, bool], *, reachable: bool, answered: bool
) -> None:
    probe = EndpointsProbe(service="cart", before=("10.0.0.1:8080",), reachable=reachable)
    assert seen(look_at_endpoints(probe, now, answered=answered)) == expected


@pytest.mark.parametrize(
    ("may", "let_in", "expected"),
    [
        (True, True, WELL),
        (True, None, WELL),
        (False, None, BITES),
        (False, False, BITES),
        (True, False, ILL),
        (False, True, ILL),
    ],
)
def test_access(may: bool, let_in: bool | None, expected: tuple[bool, bool]) -> None:  # noqa: FBT001 - a row of the table
    probe = AccessProbe(account="cart", rule=AccessRule(verb="get", group="", resource="secrets"))
    assert seen(look_at_access(probe, may=may, let_in=let_in)) == expected


def rule(verbs: str, resources: str, groups: str = "", **more: Any) -> dict[str, Any]:
    return {
        "verbs": verbs.split(),
        "resources": resources.split(),
        "apiGroups": [groups],
    } | more


@pytest.mark.parametrize(
    ("rules", "tried"),
    [
        ([rule("watch", "configmaps", resourceNames=["a", "b"])], "watch configmaps a"),
        ([rule("create", "pods"), rule("list", "deployments", "apps")], "list deployments"),
        ([rule("create", "pods")], "create pods"),
        ([rule("*", "*", "*")], "get configmaps"),
        ([rule("get", "pods/log")], "None"),
        ([{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}], "None"),
        ([], "None"),
    ],
)
def test_which_request_is_tried(rules: Sequence[Any], tried: str) -> None:
    assert str(rule_to_try(rules)) == tried


LATER = T0 + dt.timedelta(seconds=1)
NETWORK = PacketFault(fault=Partition(), traffic=Traffic(direction=Direction.INCOMING))
CONTAINER = CrashLoop(container="app", kills=1)
MADE: dict[str, Any] = {"done": True, "armed_at": T0}
ASKED: dict[str, Any] = MADE | {"undone": Undone.REVERTED, "proof": Proof.LOOKUPS}

CONTACT = contact_step().means
SHUT: dict[str, Any] = MADE | {"undone": Undone.NOTHING, "proof": Proof.CONNECTIONS}


def on_node(means: Means = NETWORK, **became: Any) -> StepRecord:
    step = node_step().model_copy(update={"means": means})
    return StepRecord(step=step, **became)


@pytest.mark.parametrize(
    ("steps", "since", "well"),
    [
        pytest.param([on_node(**MADE)], None, False, id="made, and not seen"),
        pytest.param([on_node(**MADE, bites_at=LATER)], LATER, False, id="seen"),
        pytest.param([on_node(CONTAINER, **MADE)], T0, False, id="a container's is made"),
        pytest.param(
            [on_node(**MADE), on_node(**MADE, bites_at=LATER)], LATER, False, id="in one of two"
        ),
        pytest.param([on_node(**ASKED)], None, False, id="over, and no lookup is answered"),
        pytest.param(
            [on_node(**ASKED | {"undone": None}, bites_at=LATER)], LATER, False, id="not over yet"
        ),
        pytest.param([on_node(**ASKED, well_at=LATER)], None, True, id="answered again"),
        pytest.param(
            [on_node(**ASKED, well_at=LATER), on_node(**ASKED)], None, False, id="one of two"
        ),
        pytest.param(
            [on_node(**ASKED | {"proof": Proof.PACKETS})], None, True, id="nothing was looked up"
        ),
        pytest.param(
            [on_node(**ASKED | {"undone": Undone.GONE})], None, True, id="its pod is gone"
        ),
        pytest.param(
            [on_node(**ASKED | {"proof": Proof.CONNECTIONS})], None, False, id="no connection is"
        ),
        pytest.param([on_node(CONTAINER, **MADE, undone=Undone.REVERTED)], T0, True, id="over"),
        pytest.param([on_node(CONTACT, **MADE)], None, False, id="answered yet"),
        pytest.param([on_node(CONTACT, **MADE, bites_at=LATER)], LATER, False, id="shut out"),
        pytest.param([on_node(CONTACT, **SHUT)], None, False, id="shut out still"),
        pytest.param([on_node(CONTACT, **SHUT, well_at=LATER)], None, True, id="let in again"),
        pytest.param(
            [on_node(CONTACT, **SHUT | {"undone": Undone.GONE})],
            None,
            True,
            id="its client is gone",
        ),
    ],
)
def test_faults_on_nodes(steps: list[StepRecord], since: dt.datetime | None, *, well: bool) -> None:
    look = look_at_node_steps(fault_run(*steps))
    assert (look.bites, look.since, look.well) == (since is not None, since, well)


def test_who_is_not_answered_is_named() -> None:
    said = look_at_node_steps(fault_run(on_node(**ASKED))).said
    assert said.endswith("after its end nothing that was asked in ['cart-1'] was answered")


def test_who_is_still_cut_off_is_not_named() -> None:
    said = look_at_node_steps(fault_run(on_node(**ASKED | {"undone": None}, bites_at=LATER))).said
    assert said == "it was seen to bite in 1 of 1 pods"
