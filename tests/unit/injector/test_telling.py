"""What a fault on a node is called in sentences."""

from ipaddress import IPv4Network
from typing import Any

import pytest

from factories.fault_runs import fault_run, node_step
from ooda.common.fault_runs import StepRecord
from ooda.common.node_means import Contact, Direction, PacketFault, Traffic
from ooda.injector.library import load_scenarios
from ooda.injector.telling import lines_of, row_of

WHERE = "On node worker-1, in Pod fault-injection-shop/cart-1: "
UNANSWERED = (
    "connections are accepted, "
    "and of the packets that it receives of port 80, 81 there nothing else arrives."
)
CHANGED = (
    "of the packets that it receives of port 53 there, "
    "answers over UDP about db, or a longer name with its labels first, "
    "say NXDOMAIN and nothing else."
)


@pytest.mark.parametrize(
    ("fault", "traffic", "sentence"),
    [
        (
            {"kind": "loss", "percent": 30},
            Traffic(direction=Direction.INCOMING),
            "30 % of the packets that it receives are lost.",
        ),
        (
            {"kind": "delay", "mean_ms": 200, "jitter_ms": 50},
            Traffic(direction=Direction.OUTGOING, own_ports=(8080,)),
            "the packets that it sends of its port 8080 are 200 ms late, give or take 50 ms.",
        ),
        (
            {"kind": "partition"},
            Traffic(direction=Direction.BOTH, peers=(IPv4Network("10.0.0.1"),)),
            "the packets that it sends and receives, with 10.0.0.1/32 at the other end, are lost.",
        ),
        (
            {"kind": "partition"},
            Traffic(direction=Direction.INCOMING, peer_ports=(53,)),
            "the packets that it receives of port 53 there are lost.",
        ),
        (
            {"kind": "unanswered"},
            Traffic(direction=Direction.INCOMING, peer_ports=(80, 81)),
            UNANSWERED,
        ),
        (
            {"kind": "answers", "rcode": "nxdomain", "name": "db"},
            Traffic(direction=Direction.INCOMING, peer_ports=(53,)),
            CHANGED,
        ),
        (
            {"kind": "answers", "rcode": "none"},
            Traffic(direction=Direction.INCOMING),
            "of the packets that it receives, answers over UDP about every name are lost.",
        ),
    ],
)
def test_a_step_on_a_node(fault: dict[str, Any], traffic: Traffic, sentence: str) -> None:
    means = PacketFault.model_validate({"fault": fault, "traffic": traffic})
    run = fault_run(StepRecord(step=node_step().model_copy(update={"means": means})))
    assert lines_of(run, "it goes")[0] == WHERE + sentence


def test_a_step_that_only_asks() -> None:
    asks = [{"address": each, "port": 80} for each in ("10.96.0.7", "fd00::7")]
    step = node_step().model_copy(update={"means": Contact.model_validate({"asks": asks})})
    assert lines_of(fault_run(StepRecord(step=step)), "it goes")[0] == (
        f"{WHERE}it is looked, and nothing changed, whether a connection to 10.96.0.7 port 80 or "
        "fd00::7 port 80 is answered."
    )


def test_a_scenario_tells_what_its_parameters_can_be() -> None:
    told = row_of(load_scenarios()["dns-failure"])
    assert told.intensity == "rcode"
    assert {each.name: (each.bounds, each.default) for each in told.parameters} == {
        "rcode": ("one of none, nxdomain, servfail", "none"),
        "name": ("a name of DNS", ""),
    }
