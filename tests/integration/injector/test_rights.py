"""With the rights that they are deployed with, injector and reaper can do all that they have to.

And no more: what their code would never ask for, the API server refuses them, whatever RBAC says.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
import pytest_asyncio

from fakes.databases import PaperDatabase
from fakes.hands import HoldingHands
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import Ending, FaultRun, Phase
from ooda.common.settings import ClusterSettings
from ooda.injector.admission import Admission
from ooda.injector.core.fence import Refusal
from ooda.injector.core.machine import INJECTOR, Role
from ooda.injector.journal import Journal
from ooda.injector.library import load_scenarios
from ooda.injector.probes.outside import OUTSIDE, Outside
from servers.agent_rights import NAMESPACE, ON_NODES, grant_injector, token_of
from servers.asking import Request, ask, patch
from servers.breakable import (
    AGENT,
    CLIENT,
    DATABASE,
    PASSWORDS,
    TARGET,
    Breakable,
    other_kinds,
)
from servers.control_plane import MIGHTY_FAULT_AGENT, MIGHTY_INJECTOR, MIGHTY_REAPER, ControlPlane
from servers.driving import driving
from servers.fitting import VOLUME_NAME, fit
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.processes import wait_until
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

AT_ONCE = Role(begins=False, grace=0.0)
APPS, CORE = "apis/apps/v1", "api/v1"
RBAC, NETWORK = "apis/rbac.authorization.k8s.io/v1", "apis/networking.k8s.io/v1"


CHANGED: Mapping[str, Sequence[str]] = {
    "config-missing": ["ConfigMap/settings"],
    "cpu-throttle": [],
    "credential-rotation": ["Secret/orders-db-credentials"],
    "crash-loop": [],
    "crash-loop-release": ["Deployment/cart"],
    "dependency-timeout": [],
    "disk-pressure": [],
    "dns-failure": [],
    "image-pull-failure": ["Deployment/cart"],
    "jwt-expiry": [],
    "latency-spike": [],
    "memory-leak": [],
    "network-cut": [],
    "network-partition": ["NetworkPolicy/cart-ingress"],
    "oom-kill": ["Deployment/cart"],
    "packet-loss": [],
    "permission-revocation": ["Role/cart"],
    "pod-kill": [],
    "probe-misconfigured": ["Deployment/cart"],
    "quota-exhausted": ["ResourceQuota/compute"],
    "replica-scale-down": ["Deployment/cart"],
    "service-misroute": ["Service/cart"],
    "unschedulable": ["Deployment/cart"],
}
"""What each scenario changes, and that is all; what is made on a node changes no object."""

PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "dependency-timeout": {"dependency": TARGET},
    "disk-pressure": {"volume": VOLUME_NAME},
    "network-partition": {"client": CLIENT},
    "packet-loss": {"client": CLIENT},
    "image-pull-failure": {"tag": "broken"},
}
"""What a scenario needs to be told for it to bite here."""


SEEN_ON_NODES_ONLY = frozenset({"crash-loop", "memory-leak"})
"""What no kubelet on paper shows: nothing runs in its containers that could end."""


@dataclass
class Deployed:
    """A namespace that may be broken, with the accounts that may."""

    breakable: Breakable
    injector: ApiServer
    reaper: ApiServer
    fault_agent: ApiServer

    database: PaperDatabase = field(default_factory=lambda: PaperDatabase(**PASSWORDS))

    @property
    def outside(self) -> Outside:
        return Outside(OUTSIDE.dial, self.database)

    async def admit(self, scenario: str, **given: Any) -> FaultRun | Refusal | None:
        """Have a request judged by who is deployed to do it."""
        breakable = self.breakable
        admission = Admission(
            self.injector,
            NAMESPACE,
            breakable.limits,
            load_scenarios(),
            breakable.admission().clock,
            self.outside,
        )
        return await admission.admit(breakable.asked(scenario, **given), 1)


@asynccontextmanager
async def as_account(
    plane: ControlPlane, account: str, namespace: str = NAMESPACE
) -> AsyncIterator[ApiServer]:
    token = token_of(plane, account, namespace=namespace)
    kubeconfig = plane.kubeconfig(f"deployed-{account}", token)
    async with ApiServer.connect(ClusterSettings(kubeconfig=kubeconfig)) as api:
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployed(home: ControlPlane, kubelet: None) -> AsyncIterator[Deployed]:  # noqa: ARG001 - pods are run by it
    kubeconfig = home.kubeconfig("deployed-admin")
    async with ApiServer.connect(ClusterSettings(kubeconfig=kubeconfig)) as api:
        made = Breakable(home, api, await api.identity(), own=NAMESPACE)
        home.kubectl("create", "namespace", made.namespace)
        grant_injector(home, made.namespace)
        await made.fill()
        fit(home, made.namespace, TARGET)
        async with (
            as_account(home, "injector") as injector,
            as_account(home, "reaper") as reaper,
            as_account(home, "fault-agent", ON_NODES) as fault_agent,
        ):
            yield Deployed(made, injector, reaper, fault_agent)
        home.kubectl("delete", "namespace", made.namespace, "--wait=false")
        home.kubectl("-n", NAMESPACE, "delete", "faultruns", "--all")


async def pods(breakable: Breakable) -> set[str]:
    listed = await breakable.api.list(Kind.POD, breakable.namespace, labels={"app": TARGET})
    return {str(each["metadata"]["uid"]) for each in listed}


async def cpu_limits(breakable: Breakable) -> set[str]:
    """Return what CPU the target's pods may use."""
    listed = await breakable.api.list(Kind.POD, breakable.namespace, labels={"app": TARGET})
    staying = [each for each in listed if not each["metadata"].get("deletionTimestamp")]
    return {each["spec"]["containers"][0]["resources"]["limits"]["cpu"] for each in staying}


async def test_each_scenario_is_in_the_table() -> None:
    assert CHANGED.keys() == load_scenarios().keys()


@pytest.mark.parametrize("scenario", CHANGED)
async def test_the_injector_may_break_it_and_the_reaper_may_give_it_back(
    deployed: Deployed, scenario: str
) -> None:
    breakable = deployed.breakable
    await until(breakable.healthy, 30)
    before, pods_before = await breakable.contents(), await pods(breakable)
    run = await deployed.admit(scenario, parameters=PARAMETERS.get(scenario, {}))
    assert isinstance(run, FaultRun), run
    await Journal(deployed.injector, NAMESPACE).begin(run)

    async def bitten() -> bool:
        found = await breakable.found(run.run_id)
        seen = not found.unproven or scenario in SEEN_ON_NODES_ONLY
        return found.phase is Phase.ACTIVE and seen

    async def ended() -> bool:
        return (await breakable.found(run.run_id)).phase is Phase.ENDED

    outside = deployed.outside
    injecting = driving(deployed.injector, NAMESPACE, INJECTOR, proves=True, outside=outside)
    on_nodes = on_node(deployed.fault_agent, NAMESPACE, NODE, HoldingHands(biting=True))
    async with on_nodes, injecting:
        await until(bitten, 30)
    during = await breakable.contents()
    differs = {key for key in {*before, *during} if before.get(key) != during.get(key)}
    assert sorted(differs) == CHANGED[scenario]
    if scenario in ("pod-kill", "config-missing", "quota-exhausted"):
        assert await pods(breakable) != pods_before
    if scenario == "cpu-throttle":
        assert await cpu_limits(breakable) == {"20m"}
    now = SystemClock().now()
    await abort_run(breakable.api, run.run_id, "alice", now, namespace=NAMESPACE)
    on_nodes = on_node(deployed.fault_agent, NAMESPACE, NODE, HoldingHands(biting=True))
    async with on_nodes, driving(deployed.reaper, NAMESPACE, AT_ONCE, outside=outside):
        await until(ended, 40)
    assert (await breakable.found(run.run_id)).ending is Ending.ABORTED
    assert await breakable.contents() == before
    assert await cpu_limits(breakable) == {"500m"}
    assert deployed.database.passwords == PASSWORDS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(deployed: Deployed) -> AsyncIterator[None]:
    """A StatefulSet and a DaemonSet beside it."""
    await deployed.breakable.make(other_kinds())
    yield
    names = f"statefulset/{DATABASE}", f"daemonset/{AGENT}"
    deployed.breakable.plane.kubectl("-n", deployed.breakable.namespace, "delete", *names)


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize(
    ("scenario", "target"),
    [
        ("image-pull-failure", DATABASE),
        ("image-pull-failure", AGENT),
        ("replica-scale-down", DATABASE),
        ("quota-exhausted", AGENT),
    ],
)
async def test_so_it_is_with_other_kinds(deployed: Deployed, scenario: str, target: str) -> None:
    breakable = deployed.breakable
    await until(breakable.healthy, 30)
    before = await breakable.contents()
    parameters = PARAMETERS.get(scenario, {})
    run = await deployed.admit(scenario, target=target, parameters=parameters)
    assert isinstance(run, FaultRun), run
    await Journal(deployed.injector, NAMESPACE).begin(run)

    async def bitten() -> bool:
        return not (await breakable.found(run.run_id)).unproven

    async def ended() -> bool:
        return (await breakable.found(run.run_id)).phase is Phase.ENDED

    async with driving(deployed.injector, NAMESPACE, INJECTOR, proves=True):
        await until(bitten, 30)
    assert await breakable.contents() != before
    now = SystemClock().now()
    await abort_run(breakable.api, run.run_id, "alice", now, namespace=NAMESPACE)
    async with driving(deployed.reaper, NAMESPACE, AT_ONCE):
        await until(ended, 40)
    assert await breakable.contents() == before


async def test_a_namespace_that_is_not_bound_is_refused_though_it_is_on_the_list(
    deployed: Deployed,
) -> None:
    breakable = deployed.breakable
    other = f"{breakable.namespace}-b"
    breakable.plane.kubectl("create", "namespace", other)
    limits = breakable.limits
    breakable.limits = type(limits)(limits.cluster, limits.namespaces | {other})
    with contextlib.ExitStack() as stack:
        stack.callback(breakable.plane.kubectl, "delete", "namespace", other, "--wait=false")
        stack.callback(setattr, breakable, "limits", limits)
        with pytest.raises(Exception, match="forbidden"):
            await deployed.admit("image-pull-failure", namespace=other)


@dataclass(frozen=True)
class Try:
    """A write that the code does not make."""

    name: str
    where: Literal["target", "elsewhere", "own"]
    path: str
    method: Literal["PATCH", "POST", "DELETE"]
    body: Any = None


def template(**spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": spec}}}


CART = f"{APPS} deployments/{TARGET}"
ORDERS, NODES = f"{APPS} statefulsets/{DATABASE}", f"{APPS} daemonsets/{AGENT}"
TRIES = [
    Try("a Deployment elsewhere", "elsewhere", f"{APPS} deployments/x", "PATCH", {"spec": {}}),
    Try("a pod elsewhere", "elsewhere", f"{CORE} pods/x", "DELETE"),
    Try("a policy elsewhere", "elsewhere", f"{NETWORK} networkpolicies", "POST",
        {"metadata": {"name": "x"}, "spec": {"podSelector": {}}}),
    Try("a Secret", "target", f"{CORE} secrets", "POST", {"metadata": {"name": "x"}}),
    Try("a pod", "target", f"{CORE} pods", "POST",
        {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}),
    Try("all pods", "target", f"{CORE} pods", "DELETE"),
    Try("a Deployment, deleted", "target", CART, "DELETE"),
    Try("a label", "target", CART, "PATCH", {"metadata": {"labels": {"a": "b"}}}),
    Try("an annotation", "target", CART, "PATCH", {"metadata": {"annotations": {"a": "b"}}}),
    Try("another repository", "target", CART, "PATCH",
        [{"op": "replace", "path": "/spec/template/spec/containers/0/image",
          "value": "evil/cart:1"}]),
    Try("another registry", "target", CART, "PATCH",
        [{"op": "replace", "path": "/spec/template/spec/containers/0/image",
          "value": "evil.example/example/cart:1"}]),
    Try("a privilege", "target", CART, "PATCH",
        [{"op": "add", "path": "/spec/template/spec/containers/0/securityContext",
          "value": {"capabilities": {"add": ["NET_ADMIN"]}}}]),
    Try("a sidecar", "target", CART, "PATCH",
        [{"op": "add", "path": "/spec/template/spec/containers/-",
          "value": {"name": "b", "image": "example/cart:1"}}]),
    Try("the node's network", "target", CART, "PATCH", template(hostNetwork=True)),
    Try("another account", "target", CART, "PATCH", template(serviceAccountName="admin")),
    Try("the strategy", "target", CART, "PATCH", {"spec": {"paused": True}}),
    Try("a StatefulSet, deleted", "target", ORDERS, "DELETE"),
    Try("a StatefulSet's strategy", "target", ORDERS, "PATCH",
        {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}}),
    Try("a StatefulSet's claims", "target", ORDERS, "PATCH",
        {"spec": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}}),
    Try("a StatefulSet's repository", "target", ORDERS, "PATCH",
        [{"op": "replace", "path": "/spec/template/spec/containers/0/image",
          "value": "evil/cart:1"}]),
    Try("the network of a DaemonSet's nodes", "target", NODES, "PATCH", template(hostNetwork=True)),
    Try("a DaemonSet's privilege", "target", NODES, "PATCH",
        [{"op": "add", "path": "/spec/template/spec/containers/0/securityContext",
          "value": {"capabilities": {"add": ["NET_ADMIN"]}}}]),
    Try("a DaemonSet's annotation", "target", NODES, "PATCH",
        {"metadata": {"annotations": {"a": "b"}}}),
    Try("a DaemonSet's annotation, removed", "target", NODES, "PATCH",
        {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": None}}}),
    Try("a DaemonSet's label", "target", NODES, "PATCH", {"metadata": {"labels": {"a": "b"}}}),
    Try("a Service's selector", "target", f"{CORE} services/{TARGET}", "PATCH",
        {"spec": {"selector": {"app": "web"}}}),
    Try("rights over rights", "target", f"{RBAC} roles/{TARGET}", "PATCH",
        {"rules": [{"apiGroups": ["*"], "resources": ["roles"], "verbs": ["escalate"]}]}),
    Try("every right", "target", f"{RBAC} roles/{TARGET}", "PATCH",
        {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}),
    Try("a binding", "target", f"{RBAC} rolebindings", "POST",
        {"metadata": {"name": "x"},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}}),
    Try("a token that lasts", "target", f"{CORE} serviceaccounts/{TARGET}/token", "POST",
        {"spec": {"expirationSeconds": 7200}}),
    Try("a token elsewhere", "elsewhere", f"{CORE} serviceaccounts/x/token", "POST",
        {"spec": {"expirationSeconds": 600}}),
    Try("the actor's Lease", "own", "apis/coordination.k8s.io/v1 leases", "POST",
        {"metadata": {"name": "ooda-another"}}),
    Try("a key of its own", "own", f"{CORE} secrets/nats-injector", "PATCH",
        {"data": {"a": "Yg=="}}),
    Try("the kind of a Secret", "target", f"{CORE} secrets/orders-db-credentials", "PATCH",
        {"metadata": {"labels": {"a": "b"}}}),
    Try("its own ConfigMap", "own", f"{CORE} configmaps", "POST", {"metadata": {"name": "x"}}),
    Try("a run in quarantine, deleted", "own", "apis/ooda.dev/v1alpha1 faultruns/x", "DELETE"),
    Try("all of the journal", "own", "apis/ooda.dev/v1alpha1 faultruns", "DELETE"),
]  # fmt: skip


def request(deployed: Deployed, tried: Try) -> Request:
    places = {"target": deployed.breakable.namespace, "elsewhere": "elsewhere", "own": NAMESPACE}
    api, _, rest = tried.path.partition(" ")
    path = f"/{api}/namespaces/{places[tried.where]}/{rest}"
    return (
        patch(path, tried.body)
        if tried.method == "PATCH"
        else Request(tried.method, path, tried.body)
    )


@pytest.fixture(scope="module")
def elsewhere(deployed: Deployed, other: None) -> None:  # noqa: ARG001 - it is asked about them
    plane = deployed.breakable.plane
    plane.kubectl("create", "namespace", "elsewhere")
    plane.kubectl("-n", NAMESPACE, "create", "secret", "generic", "nats-injector")
    plane.kubectl("-n", "elsewhere", "create", "deployment", "x", "--image=x", "--replicas=0")
    plane.kubectl("-n", "elsewhere", "create", "serviceaccount", "x")
    plane.kubectl("-n", "elsewhere", "run", "x", "--image=x")
    for name, phase in (("x", "teardown_failed"), ("over", "ended")):
        run = _some_run(deployed, name, phase)
        plane.kubectl("-n", NAMESPACE, "apply", "-f", "-", stdin=run)
    in_force = request(deployed, TRIES[0])
    wait_until(
        lambda: ask(plane, MIGHTY_INJECTOR, in_force, dry_run=True).refused_by == "admission",
        "the policies",
    )


def _some_run(deployed: Deployed, name: str, phase: str) -> str:
    return f"""
apiVersion: ooda.dev/v1alpha1
kind: FaultRun
metadata: {{name: {name}}}
spec: {{run_id: x, scenario: x, namespace: {deployed.breakable.namespace}, target: x,
        phase: {phase}, steps: [], leases: [x], baseline: {{}}, times: {{}}}}
"""


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("token", [MIGHTY_INJECTOR, MIGHTY_REAPER], ids=["injector", "reaper"])
@pytest.mark.parametrize("tried", TRIES, ids=lambda tried: tried.name)
async def test_with_every_right_it_is_refused_by_admission(
    deployed: Deployed,
    tried: Try,
    token: str,
) -> None:
    answer = ask(deployed.breakable.plane, token, request(deployed, tried), dry_run=True)
    assert answer.refused_by == "admission", answer


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("tried", TRIES, ids=lambda tried: tried.name)
async def test_with_the_rights_that_it_has_it_is_refused(
    deployed: Deployed,
    tried: Try,
) -> None:
    token = token_of(deployed.breakable.plane, "injector")
    answer = ask(deployed.breakable.plane, token, request(deployed, tried), dry_run=True)
    assert answer.refused_by is not None, answer


@pytest.mark.usefixtures("elsewhere")
async def test_a_run_that_is_over_is_removed_by_the_injector_alone(deployed: Deployed) -> None:
    plane = deployed.breakable.plane
    old = Request("DELETE", f"/apis/ooda.dev/v1alpha1/namespaces/{NAMESPACE}/faultruns/over")
    assert ask(plane, MIGHTY_REAPER, old, dry_run=True).refused_by == "admission"
    assert ask(plane, token_of(plane, "reaper"), old, dry_run=True).refused_by == "rbac"
    assert ask(plane, token_of(plane, "injector"), old, dry_run=True).refused_by is None


@pytest.mark.usefixtures("elsewhere")
async def test_the_reaper_makes_nothing_and_deletes_no_pod_that_is_well(
    deployed: Deployed,
) -> None:
    namespace = deployed.breakable.namespace
    (pod, *_) = await deployed.breakable.api.list(Kind.POD, namespace, labels={"app": TARGET})
    policy = {"metadata": {"name": "x"}, "spec": {"podSelector": {}}}
    for tried in (
        Request("DELETE", f"/{CORE}/namespaces/{namespace}/pods/{pod['metadata']['name']}"),
        Request("DELETE", f"/{CORE}/namespaces/{namespace}/pods/{DATABASE}-0"),
        Request("POST", f"/{NETWORK}/namespaces/{namespace}/networkpolicies", policy),
    ):
        plane = deployed.breakable.plane
        assert ask(plane, MIGHTY_REAPER, tried, dry_run=True).refused_by == "admission"
        assert ask(plane, MIGHTY_INJECTOR, tried, dry_run=True).refused_by is None


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("app", "status", "refused_by"),
    [(DATABASE, 200, None), (TARGET, 403, "admission"), (AGENT, 403, "admission")],
)
async def test_of_pods_that_are_not_ready_the_reaper_deletes_those_of_stateful_sets(
    deployed: Deployed, app: str, status: int, refused_by: str | None
) -> None:
    namespace, plane = deployed.breakable.namespace, deployed.breakable.plane
    (pod, *_) = await deployed.breakable.api.list(Kind.POD, namespace, labels={"app": app})
    name = pod["metadata"]["name"]

    def say(ready: str) -> None:
        said = json.dumps({"status": {"conditions": [{"type": "Ready", "status": ready}]}})
        plane.kubectl("-n", namespace, "patch", "pod", name, "--subresource=status", "-p", said)

    gone = Request("DELETE", f"/{CORE}/namespaces/{namespace}/pods/{name}")
    with contextlib.ExitStack() as stack:
        stack.callback(say, "True")
        say("False")
        answer = ask(plane, MIGHTY_REAPER, gone, dry_run=True)
    assert (answer.status, answer.refused_by) == (status, refused_by)


def fault_run(name: str) -> dict[str, Any]:
    """Return one with a step for a node, and one for the driver."""
    steps = [
        {"step": {"kind": "node", "node": NODE, "object": {}, "means": {}}, "done": False},
        {"step": {"kind": "delete_pod", "object": {}}, "done": False},
    ]
    told = dict.fromkeys(("scenario", "target"), "x") | {"run_id": name, "phase": "armed"}
    empty: dict[str, Any] = {"baseline": {}, "times": {}}
    spec = told | {"namespace": "fault-injection-x", "steps": steps, "leases": ["x"]} | empty
    head = {"apiVersion": "ooda.dev/v1alpha1", "kind": "FaultRun", "metadata": {"name": name}}
    return head | {"spec": spec}


RUN = "apis/ooda.dev/v1alpha1 faultruns/on-a-node"
RECORD = "/spec/steps/0"
OF_A_NODE = [
    Try("an order", "own", "apis/ooda.dev/v1alpha1 faultruns", "POST", fault_run("another")),
    Try("a run, deleted", "own", RUN, "DELETE"),
    Try("a phase", "own", RUN, "PATCH",
        [{"op": "replace", "path": "/spec/phase", "value": "ended"}]),
    Try("a longer time", "own", RUN, "PATCH",
        [{"op": "add", "path": "/spec/expires_at", "value": "2036-01-01T00:00:00Z"}]),
    Try("an abort", "own", RUN, "PATCH",
        [{"op": "add", "path": "/abort", "value": {"by": "x", "at": "2026-01-01T00:00:00Z"}}]),
    Try("a label", "own", RUN, "PATCH",
        [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]),
    Try("one step more", "own", RUN, "PATCH",
        [{"op": "copy", "from": RECORD, "path": "/spec/steps/-"}]),
    Try("another fault", "own", RUN, "PATCH",
        [{"op": "replace", "path": f"{RECORD}/step/node", "value": "another"}]),
    Try("a step of the driver", "own", RUN, "PATCH",
        [{"op": "replace", "path": "/spec/steps/1/done", "value": True}]),
    Try("all pods of the target", "target", f"{CORE} pods", "DELETE"),
    Try("its Deployment", "target", CART, "PATCH", {"spec": {"replicas": 0}}),
    Try("a Lease", "own", "apis/coordination.k8s.io/v1 leases", "POST",
        {"metadata": {"name": "run-x"}}),
    Try("a ConfigMap", "own", f"{CORE} configmaps", "POST", {"metadata": {"name": "x"}}),
]  # fmt: skip
BECAME = [
    {"op": "replace", "path": f"{RECORD}/done", "value": True},
    {"op": "add", "path": f"{RECORD}/undone", "value": "reverted"},
    {"op": "add", "path": f"{RECORD}/armed_at", "value": "2026-01-01T00:00:00Z"},
    {"op": "add", "path": f"{RECORD}/bites_at", "value": "2026-01-01T00:00:01Z"},
    {"op": "add", "path": f"{RECORD}/proof", "value": "lookups"},
    {"op": "add", "path": f"{RECORD}/well_at", "value": "2026-01-01T00:01:00Z"},
    {"op": "add", "path": f"{RECORD}/realised", "value": {"loss_percent": 30.0}},
]


@pytest.fixture(scope="module")
def a_run_on_a_node(deployed: Deployed) -> None:
    plane = deployed.breakable.plane
    stdin = json.dumps(fault_run("on-a-node"))
    plane.kubectl("-n", NAMESPACE, "apply", "-f", "-", stdin=stdin)
    in_force = request(deployed, OF_A_NODE[-1])
    wait_until(
        lambda: ask(plane, MIGHTY_FAULT_AGENT, in_force, dry_run=True).refused_by == "admission",
        "the policy",
    )


@pytest.mark.usefixtures("a_run_on_a_node")
async def test_fault_agent_writes_what_became_of_its_steps(deployed: Deployed) -> None:
    plane = deployed.breakable.plane
    became = request(deployed, Try("what became", "own", RUN, "PATCH", BECAME))
    answer = ask(plane, MIGHTY_FAULT_AGENT, became, dry_run=True)
    assert answer.status == 200, answer


@pytest.mark.usefixtures("a_run_on_a_node")
@pytest.mark.parametrize("tried", OF_A_NODE, ids=lambda tried: tried.name)
async def test_fault_agent_writes_nothing_else(deployed: Deployed, tried: Try) -> None:
    plane, wanted = deployed.breakable.plane, request(deployed, tried)
    answer = ask(plane, MIGHTY_FAULT_AGENT, wanted, dry_run=True)
    assert answer.refused_by == "admission", answer
    token = token_of(plane, "fault-agent", namespace=ON_NODES)
    assert ask(plane, token, wanted, dry_run=True).refused_by is not None


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("token", [MIGHTY_INJECTOR, MIGHTY_REAPER], ids=["injector", "reaper"])
@pytest.mark.parametrize(
    ("what", "value", "refused_by"),
    [("cpu", "30m", None), ("memory", "65Mi", "admission")],
)
async def test_of_a_pod_that_runs_only_its_cpu_may_be_changed(
    deployed: Deployed, token: str, what: str, value: str, refused_by: str | None
) -> None:
    namespace, plane = deployed.breakable.namespace, deployed.breakable.plane
    (pod, *_) = await deployed.breakable.api.list(Kind.POD, namespace, labels={"app": TARGET})
    changes = [
        {
            "op": "replace",
            "path": f"/spec/containers/0/resources/{each}/{what}",
            "value": value,
        }
        for each in ("limits", "requests")
    ]
    path = f"/{CORE}/namespaces/{namespace}/pods/{pod['metadata']['name']}/resize"
    answer = ask(plane, token, patch(path, changes), dry_run=True)
    assert answer.refused_by == refused_by, answer


@pytest.mark.parametrize("service", ["observer", "orienter", "decider", "actor", "recorder"])
async def test_nobody_of_the_loop_may_read_the_journal(deployed: Deployed, service: str) -> None:
    plane = deployed.breakable.plane
    asked = Request("GET", f"/apis/ooda.dev/v1alpha1/namespaces/{NAMESPACE}/faultruns")
    assert ask(plane, token_of(plane, service), asked).refused_by == "rbac"
