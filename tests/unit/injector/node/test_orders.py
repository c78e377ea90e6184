"""What can be ordered, and what cannot."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from ooda.injector.node.orders import Order

GOOD: dict[str, Any] = {
    "order_id": "run-1/step-2",
    "sandbox": {"kind": "process", "pid": 4711},
    "fault": {"kind": "delay", "mean_ms": 200, "jitter_ms": 50},
    "traffic": {"direction": "outgoing", "peers": ["10.96.12.7"], "peer_ports": [5432]},
    "until": datetime(2026, 11, 25, 12, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("cart", True),
        ("cart.shop.svc.cluster.local", True),
        ("_grpc._tcp.cart", True),
        ("xn--bcher-kva.example", True),
        (None, True),
        ("", False),
        ("Cart", False),
        ("cart.", False),
        (".cart", False),
        ("a..b", False),
        ("-cart", False),
        ("cart\n", False),
        ("c@rt", False),
        ("x" * 64, False),
        (".".join(["x" * 50] * 5), False),
    ],
)
def test_which_names_answers_can_be_about(name: str | None, *, right: bool) -> None:
    fault = {"kind": "answers", "rcode": "none", "name": name}
    order = GOOD | {"fault": fault, "traffic": {"direction": "incoming"}}
    if right:
        Order.model_validate(order)
        return
    with pytest.raises(ValidationError):
        Order.model_validate(order)


def test_an_order_comes_back_as_it_was_written() -> None:
    order = Order.model_validate(GOOD)
    assert Order.model_validate_json(order.model_dump_json()) == order


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": datetime(2026, 11, 25, 12)},  # noqa: DTZ001 -- a time without zone is what is refused
        {"until": None},
        {"order_id": ""},
        {"sandbox": {"kind": "process", "pid": 1}},
        {"sandbox": {"kind": "container", "id": "abc"}},
        {"fault": {"kind": "loss", "percent": 100}},
        {"fault": {"kind": "loss", "percent": 1}},
        {"fault": {"kind": "delay", "mean_ms": 10_001}},
        {"fault": {"kind": "delay", "mean_ms": 5}},
        {"fault": {"kind": "delay", "mean_ms": 20, "jitter_ms": 21}},
        {"fault": {"kind": "corruption"}},
        {"fault": {"kind": "answers"}},
        {"fault": {"kind": "answers", "rcode": "refused"}},
        {"fault": {"kind": "answers", "rcode": "none"}, "traffic": {"direction": "both"}},
        {"lookup": {"server": "10.0.0.1", "name": "a", "or_else": ["b"] * 8}},
        {"traffic": {"direction": "sideways"}},
        {"traffic": {"direction": "both", "peers": ["shop"]}},
        {"traffic": {"direction": "both", "own_ports": [0]}},
        {"traffic": {"direction": "both", "own_ports": [65536]}},
        {"traffic": {"direction": "both", "peers": ["10.0.0.1"] * 65}},
        {"rate": 3},
    ],
)
def test_what_is_out_of_range_or_unknown_is_no_order(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Order.model_validate({**GOOD, **wrong})


@pytest.mark.parametrize("missing", ["order_id", "sandbox", "fault", "traffic", "until"])
def test_nothing_of_it_is_assumed(missing: str) -> None:
    with pytest.raises(ValidationError):
        Order.model_validate({name: value for name, value in GOOD.items() if name != missing})
