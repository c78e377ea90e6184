"""What people answer, and what comes of it: on a bus and a cluster in memory."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.decider import LIMITS, ready, started
from factories.events import CHECKOUT, INCIDENT_ID, NAMESPACE, NOW, make
from fakes.deciding import BROKEN, Stage
from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    ActionExecuted,
    AnomalyCleared,
    AnomalyFlagged,
    DecisionMade,
    ReviewAnswered,
)
from ooda.common.known_good import CATALOG
from ooda.common.taxonomy import Closure, Mode, Outcome, Settlement, Verdict

FLAGGED, CLEARED = make(AnomalyFlagged), make(AnomalyCleared)


def answer(stage: Stage, says: str = "approve", number: int = 1, **given: Any) -> ReviewAnswered:
    fields = {
        "event_id": f"answer-{number}",
        "review_id": stage.asked().review_id,
        "answer": says,
        "incident_id": INCIDENT_ID,
    }
    return make(ReviewAnswered, **fields | given)


async def asking(mode: str = "propose", **diagnosis: Any) -> Stage:
    stage = Stage(mode)
    await stage.tell(FLAGGED, started(), ready(**diagnosis))
    assert stage.said() == ["review", "asked"]
    return stage


def deployment(stage: Stage, **spec: Any) -> None:
    """Have somebody change the workload."""
    stage.cluster.put(
        Kind.DEPLOYMENT,
        {
            "metadata": {"namespace": NAMESPACE, "name": CHECKOUT.name},
            "spec": {"replicas": 2, "template": BROKEN} | spec,
        },
    )


def decided(stage: Stage) -> DecisionMade:
    return [each for each in stage.bus.published if isinstance(each, DecisionMade)][-1]


@pytest.mark.parametrize(
    ("mode", "diagnosis"),
    [("propose", {}), ("auto", {"confidence": 0.5}), ("propose", {"confidence": 0.5})],
)
async def test_what_is_approved_is_decided_with_the_name_of_who_approved(
    mode: str, diagnosis: Any
) -> None:
    stage = await asking(mode, **diagnosis)
    asked = stage.asked()
    await stage.answer(answer(stage))
    assert stage.said() == ["review", "asked", "act", "answer acting"]
    made = decided(stage)
    assert made.verdict is Verdict.ACT
    assert made.approval is not None
    assert (made.approval.person, made.approval.basis) == ("alice", asked.basis)
    assert made.request == asked.proposal
    assert made.mode is Mode(mode)
    assert made.reason.startswith("alice approved it; image_pull_failure")
    assert len((await stage.budgets()).reservations) == 1


async def test_an_approved_action_that_helps_resolves_the_incident() -> None:
    stage = await asking()
    await stage.answer(answer(stage))
    request = decided(stage).request
    assert request is not None
    kept = make(ActionExecuted, action_id=request.action_id, outcome=Outcome.KEPT)
    await stage.tell(CLEARED, kept)
    assert stage.said()[-1] == Closure.RESOLVED


async def test_status_and_replicas_change_without_making_an_approval_void() -> None:
    stage = await asking()
    deployment(stage, replicas=5)
    await stage.answer(answer(stage))
    assert stage.settled()[-1].settlement is Settlement.ACTING


def other_template(stage: Stage) -> None:
    deployment(stage, template={"spec": {"containers": [{"name": "app", "image": "shop:3"}]}})


def replaced(stage: Stage) -> None:
    stage.cluster.remove(Kind.DEPLOYMENT, NAMESPACE, CHECKOUT.name)
    deployment(stage)


def gone(stage: Stage) -> None:
    stage.cluster.remove(Kind.DEPLOYMENT, NAMESPACE, CHECKOUT.name)


def newer_good(stage: Stage) -> None:
    newer = {"spec": {"containers": [{"name": "app", "image": "shop:0"}]}}
    known = {"templates": [newer], "replicas": 2, "healthyAt": NOW.isoformat()}
    stage.cluster.put(
        Kind.KNOWN_GOOD,
        {
            "metadata": {"namespace": NAMESPACE, "name": CATALOG},
            "spec": {"workloads": {"Deployment/checkout": known}},
        },
    )


def nothing_good(stage: Stage) -> None:
    stage.cluster.remove(Kind.KNOWN_GOOD, NAMESPACE, CATALOG)


def observed(stage: Stage) -> None:
    stage.set_mode("observe")


@pytest.mark.parametrize(
    ("change", "why", "then"),
    [
        (other_template, "Deployment checkout changed since the question was asked.", "asked"),
        (newer_good, "Deployment checkout changed since the question was asked.", "asked"),
        (replaced, "Deployment checkout is gone, or another object of that name now.", "asked"),
        (gone, "Nothing is proposed any more: The playbook has no action", "asked"),
        (nothing_good, "Nothing is proposed any more: The playbook has no action", "asked"),
        (observed, "Nothing is proposed any more: observe mode", "stand_down"),
    ],
)
async def test_an_approval_is_void_when_the_object_is_not_what_was_asked_about(
    change: Any, why: str, then: str
) -> None:
    stage = await asking()
    asked = stage.asked()
    change(stage)
    await stage.answer(answer(stage))
    settled = stage.settled()[-1]
    assert settled.settlement is Settlement.VOID
    assert why in settled.reason
    assert "act" not in stage.said()
    assert stage.said()[-2] == then
    if then == "asked":
        assert stage.asked().review_id != asked.review_id
        assert settled.next_review_id == stage.asked().review_id


async def test_nothing_can_be_approved_in_a_namespace_that_is_not_opted_in() -> None:
    stage = Stage("propose")
    stage.cluster.put(Kind.NAMESPACE, {"metadata": {"name": NAMESPACE}})
    await stage.tell(FLAGGED, started(), ready())
    await stage.answer(answer(stage))
    settled = stage.settled()[-1]
    assert settled.settlement is Settlement.VOID
    assert "has no label ooda.dev/mode" in settled.reason
    assert "act" not in stage.said()


async def test_the_question_that_is_asked_anew_can_be_approved() -> None:
    stage = await asking()
    other_template(stage)
    await stage.answer(answer(stage))
    await stage.answer(answer(stage, number=2))
    assert [each.settlement for each in stage.settled()] == [Settlement.VOID, Settlement.ACTING]


async def test_an_expired_question_is_asked_anew_and_nothing_is_done() -> None:
    stage = await asking()
    await stage.wake_after(LIMITS.review_for)
    stage.clock.advance(LIMITS.review_for)
    late = answer(stage)
    await stage.answer(late)
    settled = stage.settled()[-1]
    assert settled.settlement is Settlement.EXPIRED
    assert "act" not in stage.said()
    assert settled.next_review_id == stage.asked().review_id != late.review_id


async def test_an_answer_to_an_older_question_is_not_taken_for_the_newer_one() -> None:
    stage = await asking()
    first = answer(stage)
    await stage.wake_after(LIMITS.review_for)
    await stage.answer(first)
    settled = stage.settled()[-1]
    assert settled.settlement is Settlement.SUPERSEDED
    assert settled.next_review_id == stage.asked().review_id
    assert "act" not in stage.said()


async def test_a_person_who_rejects_has_it_and_is_not_asked_again() -> None:
    stage = await asking()
    await stage.answer(answer(stage, "reject", comment="we migrate tonight"))
    assert stage.settled()[-1].settlement is Settlement.REJECTED
    await stage.tell(started(2), ready(2))
    await stage.wake_after(LIMITS.review_for)
    assert stage.said() == ["review", "asked", "answer rejected", "review"]
    assert decided(stage).reason == (
        "alice rejected rolling back Deployment checkout: we migrate tonight"
    )
    await stage.tell(CLEARED)
    assert stage.said()[-1] == Closure.HANDED_OVER


async def test_what_has_no_proposal_cannot_be_approved() -> None:
    stage = await asking(failure_class="unknown")
    await stage.answer(answer(stage))
    assert stage.settled()[-1].settlement is Settlement.VOID
    assert "act" not in stage.said()


@pytest.mark.parametrize("says", ["approve", "reject"])
async def test_the_second_answer_changes_nothing(says: str) -> None:
    stage = await asking()
    first = answer(stage)
    await stage.answer(first, first, answer(stage, says, 2, person="bob"), first)
    assert stage.said() == [
        "review", "asked", "act", "answer acting", "answer already_answered",
    ]  # fmt: skip
    assert stage.settled()[-1].reason == "alice approved it before."


async def test_an_approval_waits_for_the_api_server_and_survives_a_restart() -> None:
    stage = await asking()
    stage.cluster.set_unavailable(True)
    await stage.answer(answer(stage), answer(stage, "reject", 2, person="bob"))
    await stage.wake_after(5)
    assert stage.said() == ["review", "asked", "answer already_answered"]
    stage.cluster.set_unavailable(False)
    await stage.wake_after(5)
    assert stage.said()[3:] == ["act", "answer acting"]


async def test_an_approval_is_void_when_nothing_can_be_checked() -> None:
    stage = await asking()
    stage.cluster.set_unavailable(True)
    await stage.answer(answer(stage))
    await stage.wake_after(LIMITS.away_for)
    assert stage.settled()[-1].settlement is Settlement.VOID
    assert "act" not in stage.said()


async def test_an_approval_of_what_ended_meanwhile() -> None:
    stage = await asking()
    stage.cluster.set_unavailable(True)
    await stage.answer(answer(stage))
    await stage.tell(CLEARED)
    await stage.answer(answer(stage, number=2))
    assert [each.settlement for each in stage.settled()] == [Settlement.CLOSED, Settlement.CLOSED]
    assert "act" not in stage.said()


async def test_an_answer_that_nobody_asked_for() -> None:
    stage = Stage()
    await stage.answer(make(ReviewAnswered, incident_id="some"), make(ReviewAnswered))
    assert [(each.settlement, each.incident_id) for each in stage.settled()] == [
        (Settlement.UNKNOWN, "some")
    ]


async def test_an_approval_waits_for_another_action_on_the_workload() -> None:
    stage = await asking()
    stage.set_mode("auto")
    await stage.tell(ready(incident_id="other", anomalies=()), make(AnomalyFlagged))
    await stage.tell(started().model_copy(update={"incident_id": "third"}))
    await stage.tell(ready(incident_id="third"))
    assert stage.said()[-1] == "act"
    flying = decided(stage).request
    assert flying is not None
    stage.set_mode("propose")
    await stage.answer(answer(stage))
    assert stage.said()[-1] == "wait"
    ended = make(
        ActionExecuted, incident_id="third", action_id=flying.action_id, outcome=Outcome.EXPIRED
    )
    await stage.tell(ended)
    await stage.wake_after(LIMITS.retry)
    assert stage.said()[-2:] == ["act", "answer acting"]


NEWS = ("approve", "reject", "again", "change", "observe", "propose", "late", "away", "back")


@settings(deadline=None)  # what it does counts, not how fast a busy machine does it
@given(st.lists(st.sampled_from(NEWS), max_size=8), st.floats(0, 1))
async def test_without_an_approval_of_what_is_nothing_is_decided(
    news: list[str], confidence: float
) -> None:
    """In a namespace that only proposes: at most once, never on a state nobody approved."""
    stage = Stage("propose")
    await stage.tell(FLAGGED, started(), ready(confidence=confidence))
    given_: list[ReviewAnswered] = []
    for number, each in enumerate(news):
        stage.clock.advance(1)
        match each:
            case "approve" | "reject" if stage.said():
                given_.append(answer(stage, each, number))
                await stage.answer(given_[-1])
            case "again":
                stage.restart()
                await stage.desk.load()
                await stage.answer(*given_)
            case "change":
                image = f"shop:{number + 10}"
                deployment(stage, template={"spec": {"containers": [{"image": image}]}})
            case "observe" | "propose":
                stage.set_mode(each)
            case "late":
                await stage.wake_after(LIMITS.review_for)
            case "away" | "back":
                stage.cluster.set_unavailable(each == "away")
            case _:
                pass
    acts = [
        each
        for each in stage.bus.published
        if isinstance(each, DecisionMade) and each.verdict is Verdict.ACT
    ]
    approved = {each.event_id for each in given_ if each.answer == "approve"}
    assert len(acts) <= 1
    for each_act in acts:
        assert each_act.approval is not None
        assert each_act.approval.answer_id in approved
        assert each_act.mode is Mode.PROPOSE
    assert len({each.answer_id for each in stage.settled()}) == len(stage.settled())
