"""What is said on an object because of an event."""

import datetime as dt
from typing import Any

import pytest

from factories.events import CHECKOUT, NOW, make, request
from ooda.common.events import ActionExecuted, DecisionMade, Event, ReviewRequested
from ooda.common.plans import Basis
from ooda.common.remarks import NOTE_LIMIT, Remark, body_of, is_ours, remark_of
from ooda.common.taxonomy import Outcome, Verdict

LIVE = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"namespace": "shop", "name": "checkout", "uid": "u"},
}
REVIEW = {"component": CHECKOUT, "review_id": "12345678-9", "question": "Roll back?"}
BASIS = Basis(uid="u", digest="d")


@pytest.mark.parametrize(
    ("event", "reason", "warning", "words"),
    [
        (make(DecisionMade), "RemediationDecided", False, "decision.made"),
        (
            make(ReviewRequested, **REVIEW, proposal=request(), basis=BASIS),
            "ReviewRequested",
            True,
            "To answer: ooda review approve 12345678, or: ooda review reject 12345678",
        ),
        (make(ReviewRequested, **REVIEW), "ReviewRequested", True, "ooda review show 12345678"),
        (make(ActionExecuted, target=CHECKOUT), "RemediationEnded", False, "action.executed"),
        (
            make(ActionExecuted, target=CHECKOUT, outcome=Outcome.UNDONE),
            "RemediationEnded",
            True,
            "action.executed",
        ),
    ],
)
def test_what_is_said(event: Event, reason: str, words: str, *, warning: bool) -> None:
    remark = remark_of(event)
    assert remark is not None
    assert (remark.about, remark.reason, remark.warning) == (CHECKOUT, reason, warning)
    assert words in remark.note


@pytest.mark.parametrize(
    "event",
    [
        make(DecisionMade, verdict=Verdict.WAIT, request=None),
        make(DecisionMade, verdict=Verdict.STAND_DOWN, request=None),
        make(ReviewRequested),
        make(ActionExecuted),
    ],
)
def test_of_what_nothing_is_said(event: Event) -> None:
    assert remark_of(event) is None


def body(note: str = "It is so.", cause: str = "event-1") -> dict[str, Any]:
    remark = Remark(CHECKOUT, "Word", note, cause)
    return body_of(remark, LIVE, "decider", "decider-0", NOW + dt.timedelta(milliseconds=5))


def test_the_event_is_about_the_very_object_and_its_name_comes_from_the_cause() -> None:
    made = body()
    assert made["regarding"]["uid"] == "u"
    assert made["eventTime"] == "2026-11-25T12:00:00.005000Z"
    assert body()["metadata"] == made["metadata"] != body(cause="event-2")["metadata"]
    assert is_ours(made)


@pytest.mark.parametrize("note", ["n" * 5000, "é" * 5000, "\U0001f600" * 5000])
def test_a_note_that_is_too_long_is_cut_between_characters(note: str) -> None:
    cut = body(note=note)["note"]
    assert len(cut.encode()) <= NOTE_LIMIT
    assert cut.endswith("…")


@pytest.mark.parametrize("reporter", ["kubelet", "", None, 7, "ooda.development/x"])
def test_what_others_say_is_not_ours(reporter: Any) -> None:
    assert not is_ours({"reportingController": reporter})
