"""Which runs are kept in the journal, and which need not be."""

import pytest

from factories.evaluated_runs import after, fault_run
from ooda.common.fault_runs import FaultRun, Phase
from ooda.injector.core.keeping import YOUNG, superfluous

TOLD = ("fault.armed", "fault.cleared")
NOW = after(100_000)


def ended(name: str, seconds: float = 0.0, **given: object) -> FaultRun:
    times = {**fault_run().times, "ended": after(seconds)}
    return fault_run(**({"run_id": name, "times": times, "told": TOLD} | given))


def test_the_last_ones_of_each_namespace_stay() -> None:
    runs = [ended(f"a{number}", number) for number in range(5)]
    runs += [ended(f"b{number}", number, namespace="fault-injection-b") for number in range(2)]
    assert superfluous(runs, 2, NOW) == ["a2", "a1", "a0"]
    assert superfluous(runs, 5, NOW) == []


@pytest.mark.parametrize(
    "run",
    [
        ended("x", phase=Phase.TEARDOWN_FAILED),
        ended("x", phase=Phase.ACTIVE),
        ended("x", phase=Phase.HOLDING),
        ended("x", told=("fault.armed",)),
        ended("x", (NOW - YOUNG - after(0)).total_seconds() + 1),
    ],
    ids=["in quarantine", "that bites", "that is held", "whose end was not told", "young"],
)
def test_what_is_never_removed(run: FaultRun) -> None:
    assert superfluous([run], 0, NOW) == []


def test_the_same_one_when_nothing_is_in_the_way() -> None:
    assert superfluous([ended("x")], 0, NOW) == ["x"]
