import pytest

from shop.breaker import Closed, HalfOpen, Open, Policy, State, admit, failed, succeeded

POLICY = Policy(threshold=3, reset_after=5.0)


@pytest.mark.parametrize(
    ("state", "now", "admitted", "then"),
    [
        pytest.param(Closed(), 0.0, True, Closed(), id="closed lets calls through"),
        pytest.param(Closed(2), 0.0, True, Closed(2), id="closed keeps its count"),
        pytest.param(Open(10.0), 14.9, False, Open(10.0), id="open refuses"),
        pytest.param(Open(10.0), 15.0, True, HalfOpen(15.0), id="after the reset time, one trial"),
        pytest.param(HalfOpen(15.0), 15.1, False, HalfOpen(15.0), id="one trial at a time"),
        pytest.param(HalfOpen(15.0), 20.0, True, HalfOpen(20.0), id="a lost trial gives way"),
    ],
)
def test_admit(state: State, now: float, admitted: bool, then: State) -> None:  # noqa: FBT001
    assert admit(state, now, POLICY) == (admitted, then)


@pytest.mark.parametrize(
    ("state", "then"),
    [
        pytest.param(Closed(2), Closed(0), id="the count starts anew"),
        pytest.param(HalfOpen(1.0), Closed(0), id="a good trial closes"),
        pytest.param(Open(1.0), Open(1.0), id="a late answer does not close"),
    ],
)
def test_succeeded(state: State, then: State) -> None:
    assert succeeded(state) == then


@pytest.mark.parametrize(
    ("state", "then"),
    [
        pytest.param(Closed(0), Closed(1), id="counted"),
        pytest.param(Closed(2), Open(7.0), id="the threshold opens"),
        pytest.param(HalfOpen(1.0), Open(7.0), id="a bad trial opens again"),
        pytest.param(Open(1.0), Open(1.0), id="a late failure does not prolong"),
    ],
)
def test_failed(state: State, then: State) -> None:
    assert failed(state, 7.0, POLICY) == then
