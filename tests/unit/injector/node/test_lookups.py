"""What proves a fault by looking a name up: the name, the train, and what counts as an answer."""

import ipaddress
import struct
from typing import Any

import pytest

from ooda.common.node_means import PacketFault
from ooda.injector.node.core.lookups import (
    PATIENCE_NS,
    PERIOD_NS,
    Train,
    answers,
    deadline_ns,
    is_hit,
    lookup_of,
    question,
)
from ooda.injector.node.orders import Lookup

MS = 1_000_000
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
    ],
)
def test_which_faults_hit_a_lookup(made: PacketFault, *, hit: bool) -> None:
    assert is_hit(made) is hit


def test_an_answer_is_late_by_half_of_the_delay_beyond_what_it_takes() -> None:
    assert deadline_ns(fault("delay", mean_ms=100), 3 * MS) == 53 * MS
    assert deadline_ns(fault("loss", percent=5), 3 * MS) == PATIENCE_NS


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


def test_a_question_as_it_is_sent() -> None:
    said = bytes.fromhex("0007 0100 0001 0000 0000 0000 02 6462 03 737663 00 0001 0001")
    assert question("db.svc", 7) == said


def test_a_train_asks_again_and_again_until_one_is_not_answered() -> None:
    train = Train(150 * MS, 0)
    first, too_early, second = train.begin(0), train.begin(PERIOD_NS - 1), train.begin(PERIOD_NS)
    assert (first, too_early, second) == (1, None, 2)
    assert train.answered(1, 120 * MS) == 120 * MS
    assert train.wakes(120 * MS) == 2 * PERIOD_NS
    assert train.begin(2 * PERIOD_NS) == 3
    assert train.wakes(2 * PERIOD_NS) == PERIOD_NS + 150 * MS + 1
    assert train.unanswered_since(PERIOD_NS + 150 * MS) is None
    assert train.unanswered_since(PERIOD_NS + 150 * MS + 1) == PERIOD_NS
    assert train.wakes(PERIOD_NS + 150 * MS + 1) == 3 * PERIOD_NS


def test_an_answer_that_comes_too_late_is_none() -> None:
    train = Train(10 * MS, 0)
    train.begin(0)
    assert train.answered(1, 11 * MS) is None
    assert train.unanswered_since(11 * MS) == 0
