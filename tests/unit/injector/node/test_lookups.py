"""What proves a fault by looking a name up: the name, and what counts as an answer."""

import ipaddress
import struct
from typing import Any

import pytest

from ooda.common.node_means import PacketFault
from ooda.injector.node.core.lookups import (
    answers,
    code_of,
    code_told,
    is_hit,
    lookup_of,
    question,
    told_by,
)
from ooda.injector.node.orders import Lookup

SEARCHED = "search shop.svc.cluster.local svc.cluster.local cluster.local"


def fault(kind: str = "partition", traffic: Any = None, **stated: Any) -> PacketFault:
    return PacketFault.model_validate(
        {"fault": {"kind": kind, **stated}, "traffic": {"direction": "incoming", **(traffic or {})}}
    )


@pytest.mark.parametrize(
    ("told", "server", "name"),
    [
        pytest.param(
            f"{SEARCHED}\nnameserver 10.96.0.10\noptions ndots:5",
            "10.96.0.10",
            "kubernetes.default.svc.cluster.local",
            id="of a pod",
        ),
        pytest.param(
            "nameserver fd00::a\nnameserver 10.0.0.1\nsearch a.svc.corp. svc.corp.",
            "fd00::a",
            "kubernetes.default.svc.corp",
            id="another domain, the first server, version 6",
        ),
        pytest.param(
            f"search a.b\n{SEARCHED}\nnameserver 10.96.0.10",
            "10.96.0.10",
            "kubernetes.default.svc.cluster.local",
            id="the last list counts",
        ),
    ],
)
def test_the_name_is_one_that_the_cluster_has(told: str, server: str, name: str) -> None:
    assert lookup_of(told) == Lookup(server=ipaddress.ip_address(server), name=name)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param("", id="nothing"),
        pytest.param("search corp.example\nnameserver 10.0.0.1", id="the node's own"),
        pytest.param(f"{SEARCHED}\nnameserver", id="no server"),
        pytest.param(f"{SEARCHED}\nnameserver dns", id="no address"),
        pytest.param("search\nnameserver 10.0.0.1", id="no domain"),
    ],
)
def test_no_question_is_asked_outside_of_the_cluster(told: str) -> None:
    assert lookup_of(told) is None


POD = f"{SEARCHED} corp.example\nnameserver 10.96.0.10"


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        pytest.param(
            "cart",
            ["cart.shop.svc.cluster.local", "cart.svc.cluster.local", "cart.cluster.local"],
            id="a Service of its own namespace",
        ),
        pytest.param(
            "cart.shop.svc.cluster.local",
            [
                "cart.shop.svc.cluster.local",
                "cart.shop.svc.cluster.local.shop.svc.cluster.local",
                "cart.shop.svc.cluster.local.svc.cluster.local",
                "cart.shop.svc.cluster.local.cluster.local",
            ],
            id="as it is",
        ),
        pytest.param(
            ".".join(["x" * 63] * 3 + ["y" * 39]),
            [
                ".".join(["x" * 63] * 3 + ["y" * 39]) + suffix
                for suffix in (".svc.cluster.local", ".cluster.local")
            ],
            id="no longer than a name can be",
        ),
    ],
)
def test_a_name_is_asked_for_as_the_pod_would_within_the_cluster(
    name: str, asked: list[str]
) -> None:
    found = lookup_of(POD, name)
    assert found is not None
    assert [found.name, *found.or_else] == asked


def test_a_name_that_would_be_too_long_anywhere_is_not_asked_for() -> None:
    assert lookup_of(POD, ".".join(["x" * 62] * 4)) is None


def test_of_many_domains_the_first_are_asked() -> None:
    many = " ".join(f"n{number}.svc.cluster.local" for number in range(30))
    found = lookup_of(f"search svc.cluster.local {many}\nnameserver 10.96.0.10", "cart")
    assert found is not None
    assert found.or_else[-1] == "cart.n6.svc.cluster.local"


def test_a_lookup_tells_only_of_a_fault_that_means_its_name() -> None:
    lookup = Lookup(server=ipaddress.ip_address("10.96.0.10"), name="cart.a", or_else=("db.a",))
    asked = {
        name: [each.name for each in told_by(lookup, fault("answers", rcode="none", **meant))]
        for name, meant in {"cart": {"name": "cart"}, "web": {"name": "web"}, "all": {}}.items()
    }
    assert asked == {"cart": ["cart.a"], "web": [], "all": ["cart.a", "db.a"]}
    assert [each.name for each in told_by(lookup, fault())] == ["cart.a", "db.a"]


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (fault("answers", rcode="nxdomain"), 3),
        (fault("answers", rcode="servfail", name="cart"), 2),
        (fault("answers", rcode="none", name="cart"), None),
        (fault(), None),
    ],
)
def test_what_tells_of_a_fault(made: PacketFault, code: int | None) -> None:
    assert code_told(made) == code


@pytest.mark.parametrize(
    ("made", "hit"),
    [
        pytest.param(fault(), True, id="everything"),
        pytest.param(fault(traffic={"peer_ports": [53]}), True, id="lookups"),
        pytest.param(fault(traffic={"direction": "both"}), True, id="both ways"),
        pytest.param(fault("loss", percent=5), True, id="a share"),
        pytest.param(fault("delay", mean_ms=20), True, id="late"),
        pytest.param(fault(traffic={"peers": ["10.0.0.7"]}), False, id="one peer"),
        pytest.param(fault(traffic={"peer_ports": [5432]}), False, id="another port"),
        pytest.param(fault(traffic={"own_ports": [80]}), False, id="a port of its own"),
        pytest.param(fault("unanswered"), False, id="connections"),
        pytest.param(fault("answers", rcode="nxdomain"), True, id="answers"),
    ],
)
def test_which_faults_hit_a_lookup(made: PacketFault, *, hit: bool) -> None:
    assert is_hit(made) is hit


def answer(number: int = 7, flags: int = 0x8180, found: int = 1) -> bytes:
    return struct.pack("!6H", number, flags, 1, found, 0, 0) + question("a.b", number)[12:]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        pytest.param(answer(), True, id="an address"),
        pytest.param(answer(number=8), False, id="of another question"),
        pytest.param(answer(flags=0x0100), False, id="a question"),
        pytest.param(answer(flags=0x8183), False, id="no such name"),
        pytest.param(answer(flags=0x8182), False, id="the server failed"),
        pytest.param(answer(found=0), False, id="no address"),
        pytest.param(b"\0" * 11, False, id="cut off"),
    ],
)
def test_what_answers(said: bytes, *, right: bool) -> None:
    assert answers(said, 7) is right


@pytest.mark.parametrize(
    ("said", "code"),
    [
        pytest.param(answer(), 0, id="an address"),
        pytest.param(answer(found=0), 0, id="no address"),
        pytest.param(answer(flags=0x8183), 3, id="no such name"),
        pytest.param(answer(number=8, flags=0x8183), None, id="of another question"),
        pytest.param(answer(flags=0x0103), None, id="a question"),
        pytest.param(b"\0" * 11, None, id="cut off"),
    ],
)
def test_the_code_of_an_answer(said: bytes, code: int | None) -> None:
    assert code_of(said, 7) == code


def test_a_question_as_it_is_sent() -> None:
    said = bytes.fromhex("0007 0100 0001 0000 0000 0000 02 6462 03 737663 00 0001 0001")
    assert question("db.svc", 7) == said
