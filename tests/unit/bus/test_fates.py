import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import InterfaceError, OperationalError

from ooda.common.bus.fates import AWAY_PAUSES, RETRY_DELAYS, Again, Bury, Fate, Redeliver, fate_of
from ooda.common.bus.interface import BusUnavailableError, PoisonError, RetryLaterError
from ooda.common.cluster.interface import Refused, Unavailable

AWAY = [
    RetryLaterError("later"),
    BusUnavailableError("no answer"),
    Unavailable("503"),
    OperationalError("select 1", {}, Exception("connection refused")),
    InterfaceError("select 1", {}, Exception("connection is closed")),
]


@pytest.mark.parametrize(
    ("error", "deliveries", "calls", "expected"),
    [
        pytest.param(RuntimeError(), 1, 1, Redeliver(1.0), id="first failure"),
        pytest.param(RuntimeError(), 2, 1, Redeliver(2.0), id="second failure"),
        pytest.param(RuntimeError(), 5, 1, Redeliver(30.0), id="last but one"),
        pytest.param(RuntimeError(), 6, 1, Bury(), id="last failure"),
        pytest.param(RuntimeError(), 99, 1, Bury(), id="beyond the last"),
        pytest.param(Refused("403"), 1, 1, Redeliver(1.0), id="the API server refuses"),
        pytest.param(PoisonError(), 1, 1, Bury(), id="poison"),
        pytest.param(ValueError(), 1, 1, Bury(), id="invalid"),
        pytest.param(TimeoutError(), 1, 1, Redeliver(1.0), id="a time-out of unknown cause"),
        pytest.param(BusUnavailableError(), 1, 1, Again(0.5), id="away"),
        pytest.param(BusUnavailableError(), 1, 3, Again(2.0), id="still away"),
        pytest.param(BusUnavailableError(), 1, 99, Again(10.0), id="away for long"),
        pytest.param(BusUnavailableError(), 99, 1, Again(0.5), id="away, after many deliveries"),
    ],
)
def test_fate(error: Exception, deliveries: int, calls: int, expected: Fate) -> None:
    assert fate_of(error, deliveries, calls) == expected


@given(st.sampled_from(AWAY), st.integers(1, 10_000), st.integers(1, 10_000))
def test_what_is_away_never_costs_an_event(error: Exception, deliveries: int, calls: int) -> None:
    fate = fate_of(error, deliveries, calls)
    assert isinstance(fate, Again)
    assert 0 < fate.pause <= max(AWAY_PAUSES)


@given(st.integers(1, 10_000))
def test_nothing_else_is_tried_for_ever(deliveries: int) -> None:
    fate = fate_of(RuntimeError(), deliveries, 1)
    assert isinstance(fate, Bury) == (deliveries > len(RETRY_DELAYS))
