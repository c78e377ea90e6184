"""When a question is asked, and what tells that it is not answered in time."""

from typing import Any

from ooda.common.node_means import PacketFault
from ooda.injector.node.core.trains import PATIENCE_NS, PERIOD_NS, Train, deadline_ns

MS = 1_000_000


def fault(kind: str, **stated: Any) -> PacketFault:
    return PacketFault.model_validate(
        {"fault": {"kind": kind, **stated}, "traffic": {"direction": "incoming"}}
    )


def test_an_answer_is_late_by_half_of_the_delay_beyond_what_it_takes() -> None:
    assert deadline_ns(fault("delay", mean_ms=100), 3 * MS) == 53 * MS
    assert deadline_ns(fault("loss", percent=5), 3 * MS) == PATIENCE_NS


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


NXDOMAIN, SERVFAIL = 3, 2


def test_a_train_that_waits_for_a_code_is_told_by_that_code_alone() -> None:
    train = Train(150 * MS, 0, NXDOMAIN)
    for now in (0, PERIOD_NS, 2 * PERIOD_NS):
        train.begin(now)
    assert not train.refused(1, SERVFAIL)
    assert train.unanswered_since(2 * PERIOD_NS) is None
    assert train.refused(3, NXDOMAIN)
    assert train.refused(2, NXDOMAIN)
    assert train.unanswered_since(2 * PERIOD_NS) == PERIOD_NS


def test_without_an_answer_it_is_not_told_and_waits_no_longer() -> None:
    train = Train(150 * MS, 0, NXDOMAIN)
    train.begin(0)
    train.begin(PERIOD_NS)
    assert train.given_up(150 * MS) == []
    assert train.given_up(150 * MS + 1) == [1]
    assert train.unanswered_since(150 * MS + 1) is None
    assert train.answered(2, PERIOD_NS + 151 * MS) is None
    assert train.unanswered_since(PERIOD_NS + 151 * MS) is None


def test_where_none_has_to_come_in_time_a_code_tells_nothing_and_nothing_is_given_up() -> None:
    train = Train(150 * MS, 0)
    train.begin(0)
    assert not train.refused(1, NXDOMAIN)
    assert train.given_up(151 * MS) == []
    assert train.unanswered_since(151 * MS) == 0
