"""What people read of an action, as it is."""

import pytest

from factories.actions import record
from ooda.actor.core.announcements import announcements
from ooda.actor.core.record import State

ROLLING_BACK = "Rolling back Deployment checkout"


@pytest.mark.parametrize(
    ("state", "summaries"),
    [
        (
            State.PLANNED,
            [f"{ROLLING_BACK}: the intent is written down, nothing is changed yet."],
        ),
        (State.APPLIED, ["Deployment checkout was rolled back."]),
        (State.KEPT, [f"{ROLLING_BACK} helped (kept): why."]),
        (State.NOT_HELPED, [f"{ROLLING_BACK} did not help (not_helped): why."]),
        (
            State.UNDONE,
            [f"{ROLLING_BACK} was taken back.", f"{ROLLING_BACK} did not help (undone): why."],
        ),
        (State.EXPIRED, [f"{ROLLING_BACK} was not done (expired): why."]),
        (
            State.UNDO_CONFLICT,
            [f"{ROLLING_BACK} did not help and could not be taken back (undo_conflict): why."],
        ),
    ],
)
def test_each_stage_is_a_sentence(state: State, summaries: list[str]) -> None:
    said = announcements(record(state, reason="why."))
    assert [each.summary for each in said] == summaries


def test_a_long_reason_is_cut() -> None:
    (said,) = announcements(record(State.KEPT, reason="x" * 500))
    assert len(said.summary) == 400
    assert said.summary.endswith("…")
