"""What a node has to do about a run, as a table."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from factories.fault_runs import NODE, T0, WORKLOAD, fault_run, node_step
from ooda.common.fault_runs import (
    FINAL,
    Abort,
    ChangeStep,
    DeletePodStep,
    FaultRun,
    Phase,
    StepRecord,
    Undone,
)
from ooda.injector.node.core.duties import Begin, Duty, Stop, TellGone, duties

HERE = node_step()
END = T0 + dt.timedelta(seconds=60)
ABORT = Abort(by="alice", at=T0)
BEGIN = Begin(0, HERE, END)
CHANGE = ChangeStep(object=WORKLOAD, changes=())
OVER = [each for each in Phase if each not in (Phase.ADMITTED, Phase.ARMED, Phase.ACTIVE)]


def run(phase: Phase = Phase.ARMED, **became: Any) -> FaultRun:
    return fault_run(StepRecord(step=HERE, **became), phase=phase)


@pytest.mark.parametrize(
    ("of", "abort", "seconds", "taken", "expected"),
    [
        pytest.param(run(), None, 1, (), [BEGIN], id="armed"),
        pytest.param(run(), None, 1, (0,), [], id="in hand already"),
        pytest.param(run(done=True), None, 1, (), [BEGIN], id="started again while it is armed"),
        pytest.param(
            run(Phase.ACTIVE, done=True), None, 1, (), [BEGIN], id="started again while active"
        ),
        pytest.param(run(), None, 60, (), [], id="its time is over"),
        pytest.param(run(), None, 60, (0,), [Stop(0)], id="its time is over, in hand"),
        pytest.param(run(), ABORT, 1, (), [], id="aborted"),
        pytest.param(run(), ABORT, 1, (0,), [Stop(0)], id="aborted, in hand"),
        pytest.param(
            run(Phase.ACTIVE, done=True, undone=Undone.GONE), None, 1, (), [], id="closed already"
        ),
        pytest.param(
            fault_run(phase=Phase.ADMITTED, expires_at=None), None, 1, (), [], id="only admitted"
        ),
        *(pytest.param(run(each), None, 1, (0,), [Stop(0)], id=f"{each}, held") for each in OVER),
        *(pytest.param(run(each), None, 1, (), [TellGone(0, HERE)], id=f"{each}") for each in OVER),
    ],
)
def test_what_is_to_be_done(
    of: FaultRun,
    abort: Abort | None,
    seconds: float,
    taken: Sequence[int],
    expected: list[Duty],
) -> None:
    now = T0 + dt.timedelta(seconds=seconds)
    assert list(duties(of, abort, NODE, now, taken)) == expected


def test_what_is_for_another_node_is_none_of_its_business() -> None:
    for phase in (Phase.ARMED, Phase.REVERTING, *FINAL):
        assert not list(duties(run(phase), None, "worker-2", T0, ()))


@pytest.mark.parametrize("done", [False, True])
def test_it_waits_for_what_the_driver_does_first_and_not_for_other_nodes(*, done: bool) -> None:
    elsewhere = StepRecord(step=node_step("cart-2", "worker-2"))
    steps = (StepRecord(step=CHANGE, done=done), elsewhere, StepRecord(step=HERE))
    expected = [Begin(2, HERE, END)] if done else []
    assert list(duties(fault_run(*steps), None, NODE, T0, ())) == expected


def test_what_comes_after_it_is_not_waited_for() -> None:
    steps = (StepRecord(step=HERE), StepRecord(step=DeletePodStep(object=WORKLOAD)))
    assert list(duties(fault_run(*steps), None, NODE, T0, ())) == [BEGIN]
