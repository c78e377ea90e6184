"""What is said of a run that is over."""

import datetime as dt
from collections.abc import Mapping

import pytest

from factories.fault_runs import T0, fault_run
from ooda.common.events import FaultCleared
from ooda.common.fault_runs import AGENT_AT, Ending, FaultRun, Phase, Undone
from ooda.injector.core.announcements import due

OVER = {"admitted": T0, "armed": T0, "ended": T0}


def of(run: FaultRun) -> FaultCleared:
    """Return what is said of its end."""
    (cleared,) = [each for each in due(run) if isinstance(each, FaultCleared)]
    return cleared


@pytest.mark.parametrize(
    ("ending", "problem", "said"),
    [
        (Ending.EXPIRED, "", "it is expired; the baseline is back."),
        (Ending.NO_EFFECT, "No effect was seen within 2 s.", "No effect was seen within 2 s; the"),
        (
            Ending.UNANSWERED,
            "Node a is mute.",
            "it ended as unanswered (Node a is mute); the baseline",
        ),
        (Ending.CONFLICT, "Pod x: moved.", "it ended as conflict (Pod x: moved); the baseline"),
    ],
)
def test_it_says_why_it_was_taken_back(ending: Ending, problem: str, said: str) -> None:
    run = fault_run(phase=Phase.ENDED, ending=ending, problem=problem, times=OVER)
    cleared = of(run)
    assert said in cleared.summary
    assert cleared.ending == ending


@pytest.mark.parametrize(
    ("times", "by_agent", "said"),
    [
        ({}, False, "it had been repaired; the baseline is back."),
        ({AGENT_AT: T0}, True, "the agent had repaired it; the baseline is back."),
    ],
    ids=["nobody is known", "an agent acted on it"],
)
def test_it_says_who_had_repaired_it(
    times: Mapping[str, dt.datetime], *, by_agent: bool, said: str
) -> None:
    run = fault_run(phase=Phase.ENDED, ending=Ending.EXPIRED, times={**OVER, **times})
    cleared = of(run.with_step(0, undone=Undone.REPAIRED))
    assert said in cleared.summary
    assert cleared.repaired_by_agent is by_agent
