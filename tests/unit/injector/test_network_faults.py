"""What the faults of a pod's network plan: for whom, on which node, against whom."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import NodeStep
from ooda.common.node_means import PacketFault
from ooda.injector.faults.network import Cut, Latency, Lookups, PacketLoss, UnansweredCalls
from ooda.injector.faults.scene import Fault, NotApplicableError, Scene

HERE = "fault-injection-shop"


def meta(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": HERE, "uid": f"uid-{name}", "resourceVersion": "1"} | more


def deployment(name: str) -> Object:
    return {"metadata": meta(name), "spec": {"selector": {"matchLabels": {"app": name}}}}


def pod(app: str, number: int, *addresses: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": meta(f"{app}-{number}", labels={"app": app}),
        "spec": {"nodeName": f"worker-{number}"} | spec,
        "status": {"phase": "Running", "podIPs": [{"ip": each} for each in addresses]},
    }


CART, WEB = deployment("cart"), deployment("web")
PODS = [
    pod("cart", 1, "10.0.1.1"),
    pod("cart", 2, "10.0.2.1"),
    pod("web", 1, "10.0.1.9", "fd00::9"),
    pod("web", 2, "10.0.2.9"),
]
SERVICE = {
    "metadata": meta("db"),
    "spec": {
        "clusterIPs": ["10.96.0.7"],
        "ports": [{"port": 5432}, {"port": 53, "protocol": "UDP"}],
    },
}
HEADLESS = {"metadata": meta("queue"), "spec": {"clusterIPs": ["None"], "ports": [{"port": 4222}]}}


def slice_of(service: str, *addresses: str, port: int, kind: str = "IPv4") -> dict[str, Any]:
    return {
        "metadata": meta(f"{service}-x", labels={"kubernetes.io/service-name": service}),
        "addressType": kind,
        "endpoints": [{"addresses": list(addresses)}],
        "ports": [{"port": port, "protocol": "TCP"}],
    }


SLICES = [
    slice_of("db", "10.0.1.5", "10.0.2.5", port=5433),
    slice_of("queue", "10.0.1.6", port=4222),
    slice_of("other", "10.0.1.7", port=80),
]


def scene(**objects: Any) -> Scene:
    found: dict[Kind, Any] = {
        Kind.POD: PODS,
        Kind.DEPLOYMENT: [CART, WEB],
        Kind.STATEFUL_SET: [],
        Kind.DAEMON_SET: [],
        Kind.SERVICE: [SERVICE, HEADLESS],
        Kind.ENDPOINT_SLICE: SLICES,
    }
    return Scene(CART, found | {Kind(name): each for name, each in objects.items()})


def test_it_is_made_in_each_pod_on_its_own_node() -> None:
    steps = Cut().plan(scene(), {"client": ""})
    assert [(each.object.name, each.object.uid) for each in steps] == [
        ("cart-1", "uid-cart-1"),
        ("cart-2", "uid-cart-2"),
    ]
    assert [each.node for each in steps if isinstance(each, NodeStep)] == ["worker-1", "worker-2"]


EVERY_ANSWER = {"rcode": "none", "name": ""}
WEBS = ["10.0.1.9/32", "10.0.2.9/32", "fd00::9/128"]


ASKED_WEBS = [
    {"address": "10.0.1.9", "port": 9},
    {"address": "fd00::9", "port": 9},
    {"address": "10.0.2.9", "port": 9},
]


@pytest.mark.parametrize(
    ("fault", "parameters", "expected", "traffic", "asks"),
    [
        (
            PacketLoss(),
            {"percent": "30", "client": ""},
            {"kind": "loss", "percent": 30},
            {"direction": "incoming"},
            (),
        ),
        (
            PacketLoss(),
            {"percent": "30", "client": "web"},
            {"kind": "loss", "percent": 30},
            {"direction": "incoming", "peers": WEBS},
            ASKED_WEBS,
        ),
        (
            Latency(),
            {"mean_ms": "200", "jitter_ms": "50", "client": "web"},
            {"kind": "delay", "mean_ms": 200, "jitter_ms": 50},
            {"direction": "incoming", "peers": WEBS},
            ASKED_WEBS,
        ),
        (Cut(), {"client": ""}, {"kind": "partition"}, {"direction": "both"}, ()),
        (
            Cut(),
            {"client": "web"},
            {"kind": "partition"},
            {"direction": "both", "peers": WEBS},
            ASKED_WEBS,
        ),
        (
            Lookups(),
            EVERY_ANSWER,
            {"kind": "partition"},
            {"direction": "incoming", "peer_ports": [53]},
            (),
        ),
        (
            Lookups(),
            {"rcode": "none", "name": "db"},
            {"kind": "answers", "rcode": "none", "name": "db"},
            {"direction": "incoming", "peer_ports": [53]},
            (),
        ),
        (
            Lookups(),
            {"rcode": "nxdomain", "name": "db"},
            {"kind": "answers", "rcode": "nxdomain", "name": "db"},
            {"direction": "incoming", "peer_ports": [53]},
            (),
        ),
        (
            Lookups(),
            {"rcode": "servfail", "name": ""},
            {"kind": "answers", "rcode": "servfail"},
            {"direction": "incoming", "peer_ports": [53]},
            (),
        ),
        (
            UnansweredCalls(),
            {"dependency": "db"},
            {"kind": "unanswered"},
            {
                "direction": "incoming",
                "peers": ["10.0.1.5/32", "10.0.2.5/32", "10.96.0.7/32"],
                "peer_ports": [5432, 5433],
            },
            [{"address": "10.96.0.7", "port": 5432}],
        ),
        (
            UnansweredCalls(),
            {"dependency": "queue"},
            {"kind": "unanswered"},
            {"direction": "incoming", "peers": ["10.0.1.6/32"], "peer_ports": [4222]},
            [{"address": "10.0.1.6", "port": 4222}],
        ),
    ],
)
def test_what_is_planned(
    fault: Fault,
    parameters: Mapping[str, str],
    expected: Mapping[str, Any],
    traffic: Mapping[str, Any],
    asks: Sequence[Any],
) -> None:
    wanted = PacketFault.model_validate({"fault": expected, "traffic": traffic, "asks": asks})
    steps = fault.plan(scene(), parameters)
    assert [each.means for each in steps if isinstance(each, NodeStep)] == [wanted, wanted]


@pytest.mark.parametrize(
    ("fault", "parameters", "objects", "words"),
    [
        (Lookups(), EVERY_ANSWER, {"Pod": []}, "no pods"),
        (
            Lookups(),
            EVERY_ANSWER,
            {"Pod": [pod("cart", 1, hostNetwork=True)]},
            "network of its node",
        ),
        (Lookups(), EVERY_ANSWER, {"Pod": [pod("cart", 1, nodeName=None)]}, "does not run"),
        (
            Lookups(),
            EVERY_ANSWER,
            {"Pod": [pod("cart", 1) | {"status": {"phase": "Pending"}}]},
            "does not run",
        ),
        (Cut(), {"client": "nobody"}, {}, "is no other Deployment"),
        (Cut(), {"client": "cart"}, {}, "is no other Deployment"),
        (Cut(), {"client": "web"}, {"Pod": PODS[:2]}, "no pods with an address"),
        (
            Cut(),
            {"client": "web"},
            {"Pod": [*PODS[:2], pod("web", 1, *(f"10.1.0.{number}" for number in range(65)))]},
            "at most 64",
        ),
        (
            Latency(),
            {"mean_ms": "20", "jitter_ms": "21", "client": ""},
            {},
            "jitter is larger than the mean",
        ),
        (UnansweredCalls(), {"dependency": "nothing"}, {}, "no Service nothing"),
        (UnansweredCalls(), {"dependency": "queue"}, {"EndpointSlice": []}, "leads nowhere"),
    ],
)
def test_what_does_not_fit(
    fault: Fault, parameters: Mapping[str, str], objects: Mapping[str, Any], words: str
) -> None:
    with pytest.raises(NotApplicableError, match=words):
        fault.plan(scene(**objects), parameters)


def test_a_service_that_leads_nowhere_by_name_is_no_peer() -> None:
    named = slice_of("queue", "queue.example", port=4222, kind="FQDN")
    with pytest.raises(NotApplicableError, match="leads nowhere"):
        UnansweredCalls().plan(scene(EndpointSlice=[named]), {"dependency": "queue"})


def test_a_client_is_asked_where_it_serves_and_some_of_its_pods_are_enough() -> None:
    """Of the ports that it declares the first of TCP."""
    ports = [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 8080}]
    pods = [
        pod("web", number, f"10.0.1.{number}", containers=[{"ports": ports}]) for number in range(6)
    ]
    (first, _) = Cut().plan(scene(Pod=[*PODS[:2], *pods]), {"client": "web"})
    assert isinstance(first, NodeStep)
    assert isinstance(first.means, PacketFault)
    assert [str(each) for each in first.means.asks] == [
        f"10.0.1.{number} port 8080" for number in range(4)
    ]
