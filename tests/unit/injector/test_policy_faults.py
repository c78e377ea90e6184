"""What the faults of quotas and of NetworkPolicies plan."""

from typing import Any

import pytest

from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import ChangeStep, CreateStep, DeletePodStep, NodeStep
from ooda.common.node_means import Contact
from ooda.injector.faults.policies import NetworkPartition, Quota
from ooda.injector.faults.scene import NotApplicableError, Scene

HERE = "fault-injection-shop"


def named(name: str, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": HERE, "uid": name, "resourceVersion": "1", **more}
    }


def pod(name: str, app: str, phase: str = "Running") -> Object:
    return named(name, labels={"app": app}) | {"status": {"phase": phase}}


def workload(name: str) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}}
    return named(name) | {"spec": {"selector": {"matchLabels": labels}, "template": template}}


CART = workload("cart")
PODS = [
    pod("cart-0", "cart", "Failed"),
    pod("cart-1", "cart"),
    pod("web-1", "web"),
    pod("web-2", "web", "Pending"),
    pod("report-1", "report", "Succeeded"),
    pod("report-2", "report", "Failed"),
]


def test_a_quota_counts_no_pods_that_are_over() -> None:
    scene = Scene(CART, {Kind.POD: PODS, Kind.RESOURCE_QUOTA: []})

    made, lost = Quota().plan(scene, {})

    assert isinstance(made, CreateStep)
    assert made.spec == {"hard": {"pods": "2"}}
    assert isinstance(lost, DeletePodStep)
    assert lost.object.name == "cart-1"


def test_a_quota_that_is_there_is_lowered() -> None:
    quota = named("compute") | {"spec": {"hard": {"cpu": "4", "pods": "20"}}}
    scene = Scene(CART, {Kind.POD: PODS, Kind.RESOURCE_QUOTA: [quota]})

    lowered, _ = Quota().plan(scene, {})

    assert isinstance(lowered, ChangeStep)
    assert [(each.path, each.before, each.after) for each in lowered.changes] == [
        ("/spec/hard/pods", "20", "2")
    ]


def running(app: str, number: int, *addresses: str, **spec: Any) -> Object:
    addressed = [{"ip": each} for each in addresses]
    return named(f"{app}-{number}", labels={"app": app}) | {
        "spec": {"nodeName": f"worker-{number}", **spec},
        "status": {"phase": "Running", "podIPs": addressed},
    }


SERVICE = named("cart") | {
    "spec": {
        "selector": {"app": "cart"},
        "clusterIPs": ["10.96.0.7", "fd00::7"],
        "ports": [{"port": 80}, {"port": 9090}],
    }
}
HEADLESS = named("carts") | {
    "spec": {**SERVICE["spec"], "clusterIP": "None", "clusterIPs": ["None"]}
}
OTHERS = named("web") | {"spec": {**SERVICE["spec"], "selector": {"app": "web"}}}
RUNNING = [
    running("cart", 1, "10.0.1.1"),
    running("web", 1, "10.0.1.9"),
    running("web", 2, "10.0.2.9"),
]


def shop(**objects: Any) -> Scene:
    found: dict[Kind, Any] = {
        Kind.POD: RUNNING,
        Kind.DEPLOYMENT: [CART, workload("web")],
        Kind.STATEFUL_SET: [],
        Kind.DAEMON_SET: [],
        Kind.SERVICE: [OTHERS, HEADLESS, SERVICE],
        Kind.NETWORK_POLICY: [],
    }
    return Scene(CART, found | {Kind(name): each for name, each in objects.items()})


@pytest.mark.parametrize(
    ("objects", "asked"),
    [
        pytest.param({}, ["10.96.0.7 port 80", "fd00::7 port 80"], id="by its Service"),
        pytest.param(
            {"Service": [HEADLESS]}, ["10.0.1.1 port 9"], id="it has no address of its own"
        ),
        pytest.param({"Service": []}, ["10.0.1.1 port 9"], id="it has no Service"),
    ],
)
def test_before_a_client_is_shut_out_it_is_asked_whether_it_gets_in(
    objects: dict[str, Any], asked: list[str]
) -> None:
    *asking, made = NetworkPartition().plan(shop(**objects), {"client": "web"})

    assert isinstance(made, CreateStep)
    assert [each.object.name for each in asking] == ["web-1", "web-2"]
    for each in asking:
        assert isinstance(each, NodeStep)
        assert isinstance(each.means, Contact)
        assert [str(one) for one in each.means.asks] == asked


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ({"Deployment": [CART]}, "is no other Deployment"),
        ({"Pod": RUNNING[:1]}, "client web has no pods"),
        ({"Pod": [RUNNING[0], running("web", 1, nodeName=None)]}, "does not run"),
        ({"Pod": [RUNNING[0], running("web", 1, hostNetwork=True)]}, "network of its node"),
        ({"Pod": RUNNING[1:], "Service": []}, "no pods with an address"),
    ],
)
def test_who_cannot_be_shut_out(objects: dict[str, Any], words: str) -> None:
    with pytest.raises(NotApplicableError, match=words):
        NetworkPartition().plan(shop(**objects), {"client": "web"})
