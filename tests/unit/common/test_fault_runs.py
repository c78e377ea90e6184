"""What a run says about itself."""

import datetime as dt
from typing import Any

import pytest

from factories.fault_runs import T0, contact_step, fault_run, node_step
from ooda.common.fault_runs import EFFECTIVE, StepRecord
from ooda.common.node_means import Proof


def after(seconds: float) -> dt.datetime:
    return T0 + dt.timedelta(seconds=seconds)


def test_it_bites_since_it_hit_the_first_pod_whichever_said_so_first() -> None:
    steps = [
        StepRecord(step=node_step(pod), bites_at=after(seconds))
        for pod, seconds in (("cart-1", 0.4), ("cart-2", 0.3))
    ]
    times = {"admitted": T0, "armed": T0, EFFECTIVE: after(0.4)}
    assert fault_run(*steps, times=times).effective_since == after(0.3)


def test_what_was_not_judged_yet_is_not_effective() -> None:
    step = StepRecord(step=node_step(), bites_at=after(0.3))
    assert fault_run(step).effective_since is None


def test_who_only_asks_has_changed_nothing() -> None:
    asks = StepRecord(step=contact_step(), done=True, armed_at=after(0.1))
    made = StepRecord(step=node_step(), done=True, armed_at=after(0.5))
    assert (fault_run(asks).touched, fault_run(asks).changed_since) == (False, None)
    assert (fault_run(asks, made).touched, fault_run(asks, made).changed_since) == (
        True,
        after(0.5),
    )


def test_what_was_asked_just_before_the_change_does_not_bite_before_it() -> None:
    asks = StepRecord(step=contact_step(), armed_at=after(0.1), bites_at=after(0.4))
    times = {"admitted": T0, "armed": T0, "mutated": after(0.5), EFFECTIVE: after(0.5)}
    assert fault_run(asks, times=times).effective_since == after(0.5)


@pytest.mark.parametrize(
    ("became", "seconds"),
    [
        ({"bites_at": T0, "proof": Proof.LOOKUPS}, 0.1),
        ({"bites_at": T0, "proof": Proof.CONNECTIONS}, 0.1),
        ({"bites_at": T0, "proof": Proof.PACKETS}, 0.0),
        ({"bites_at": T0}, 0.0),
        ({"proof": Proof.LOOKUPS}, 0.0),
    ],
)
def test_how_often_it_was_asked_until_it_bit(became: dict[str, Any], seconds: float) -> None:
    assert fault_run(StepRecord(step=node_step(), **became)).asked_every == seconds
