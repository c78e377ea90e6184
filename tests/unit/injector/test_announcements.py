"""What is said of a run that is over."""

import pytest

from factories.fault_runs import T0, fault_run
from ooda.common.events import FaultCleared
from ooda.common.fault_runs import Ending, Phase
from ooda.injector.core.announcements import due


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
    times = {"admitted": T0, "armed": T0, "ended": T0}
    run = fault_run(phase=Phase.ENDED, ending=ending, problem=problem, times=times)
    (cleared,) = [each for each in due(run) if isinstance(each, FaultCleared)]
    assert said in cleared.summary
    assert cleared.ending == ending
