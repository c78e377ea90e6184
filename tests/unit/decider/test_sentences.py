"""What people read of a decision, as it is."""

from dataclasses import replace
from typing import Any

import pytest

from factories.decider import GOOD, LIMITS, later, ready, world
from factories.events import ANOMALY_ID, NOW, make
from ooda.common.events import ActionExecuted, IncidentClosed
from ooda.common.findings import Finding
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import EvidenceFamily, FailureClass, Mode, Outcome
from ooda.decider.core.absorbing import Due, Heard, Sighted, Stimulus, opened_by
from ooda.decider.core.facts import Facts
from ooda.decider.core.lifecycle import advance
from ooda.decider.core.record import Incident, Sighting, Sightings

OPEN = Sightings(seen={ANOMALY_ID: Sighting(since=NOW, flagged_at=NOW)})


def said(record: Incident) -> list[str]:
    return [each.summary for each in record.outbox]


@pytest.mark.parametrize(
    ("diagnosis", "facts", "summaries"),
    [
        (
            {},
            GOOD,
            [
                (
                    "Acting: roll Deployment checkout back "
                    "(image_pull_failure, confidence 0.97, 0.90 needed)."
                )
            ],
        ),
        (
            {"confidence": 0.5},
            GOOD,
            [
                (
                    "Not acting alone on image_pull_failure of Deployment checkout: "
                    "Confidence 0.500 is below 0.90."
                ),
                (
                    "A person is asked whether to roll Deployment checkout back: "
                    "Confidence 0.500 is below 0.90."
                ),
            ],
        ),
        (
            {"failure_class": "unknown", "component": None},
            GOOD,
            [
                "Not acting alone on unknown: The playbook has no action for unknown as it is now.",
                (
                    "A person is asked what to do about unknown: "
                    "The playbook has no action for unknown as it is now."
                ),
            ],
        ),
        (
            {"failure_class": "healthy"},
            GOOD,
            [
                (
                    "Standing down on healthy of Deployment checkout: "
                    "healthy is expected to mend itself within 120 s."
                )
            ],
        ),
        (
            {},
            type(GOOD)(Mode.OBSERVE),
            ["Standing down on image_pull_failure of Deployment checkout: observe mode"],
        ),
    ],
    ids=["act", "review", "unknown", "stand-down", "observe"],
)
def test_a_decision(diagnosis: dict[str, Any], facts: Any, summaries: list[str]) -> None:
    told = ready(**diagnosis)
    record, _ = advance(opened_by(told), Heard(told, NOW), OPEN, world(facts=facts), NOW)
    assert said(record) == summaries


@pytest.mark.parametrize(
    ("refused", "asked"),
    [
        (True, "Rolling back Deployment checkout was not done (refused): the symptom is gone"),
        (
            False,
            (
                "Whether rolling back Deployment checkout was done is not known: "
                "nothing was heard of its end in time."
            ),
        ),
    ],
    ids=["refused", "overdue"],
)
def test_an_action_that_a_person_has_to_look_at(*, refused: bool, asked: str) -> None:
    told = ready()
    acting, _ = advance(opened_by(told), Heard(told, NOW), OPEN, world(), NOW)
    acting = acting.model_copy(update={"outbox": ()})
    assert acting.in_flight is not None
    ended = make(ActionExecuted, action_id=acting.in_flight.action_id, outcome=Outcome.REFUSED)
    stimulus: Stimulus = Heard(ended, NOW) if refused else Due()
    record, _ = advance(acting, stimulus, OPEN, world(), later(LIMITS.window))
    assert said(record)[-1] == (
        f"A person is asked what to do about image_pull_failure of Deployment checkout: {asked}"
    )
    assert record.review is not None
    assert record.review.question == "What is to be done?"


@pytest.mark.parametrize(
    ("diagnosis", "facts", "said", "follow_up"),
    [
        ({}, GOOD, "", ""),
        (
            {"failure_class": "oom_killed", "change": None},
            replace(GOOD, memory_limited=True),
            "",
            "Review its capacity: the memory limit was raised, and why it needs more is not known.",
        ),
        (
            {"failure_class": "oom_killed", "change": None},
            replace(GOOD, memory_limited=True),
            "The template has the old limit.",
            "The template has the old limit.",
        ),
    ],
    ids=["rolled back", "limit raised", "limit raised in place"],
)
def test_what_is_left_to_a_person_after_an_action_that_helped(
    diagnosis: dict[str, Any], facts: Any, said: str, follow_up: str
) -> None:
    told = ready(**diagnosis)
    seen = Sightings(
        seen={
            ANOMALY_ID: Sighting(
                since=NOW, flagged_at=NOW, target=told.component, pod="checkout-1-a"
            )
        }
    )
    acting, _ = advance(opened_by(told), Heard(told, NOW), seen, world(facts=facts), NOW)
    acting = acting.model_copy(update={"outbox": ()})
    assert acting.in_flight is not None
    action_id = acting.in_flight.action_id
    kept = make(ActionExecuted, action_id=action_id, outcome=Outcome.KEPT, follow_up=said)
    record, _ = advance(acting, Heard(kept, NOW), seen, world(), NOW)
    (closed,) = record.outbox
    assert isinstance(closed, IncidentClosed)
    assert closed.follow_up == follow_up
    assert closed.summary == f"Incident closed (resolved): The action helped. {follow_up}".rstrip()


def test_a_node_that_was_cordoned_is_handed_to_a_person() -> None:
    node = NodeTarget(name="w")
    seen = "Lease renewed 33 s ago, Ready True\npods on it (1): shop/checkout-1"
    finding = Finding(
        tool="inspect_node",
        family=EvidenceFamily.NODE,
        target=node,
        observed_at=NOW,
        implies={FailureClass.NODE_NOT_READY: 3.0},
        excerpt=seen,
    )
    told = ready(failure_class="node_not_ready", component=node, change=None, findings=(finding,))
    facts = Facts(mode=Mode.AUTO, exists=True, schedulable=True, others_ready=True)
    acting, _ = advance(opened_by(told), Heard(told, NOW), OPEN, world(facts=facts), NOW)
    assert said(acting) == [
        "Acting: cordon node w (node_not_ready, confidence 0.97, 0.95 needed).",
    ]
    acting = acting.model_copy(update={"outbox": ()})
    assert acting.in_flight is not None
    kept = make(ActionExecuted, action_id=acting.in_flight.action_id, outcome=Outcome.KEPT)
    asking, _ = advance(acting, Heard(kept, NOW), OPEN, world(facts=facts), NOW)
    assert said(asking)[-1] == (
        "A person is asked what to do about node_not_ready of node w: Cordoning node w keeps new "
        "pods away and cures nothing: repair the node and uncordon it, or delete it."
    )
    assert asking.review is not None
    assert asking.review.reason.endswith(f"or delete it. The node: {seen}")
    gone = Sightings(seen={ANOMALY_ID: Sighting(since=NOW, flagged_at=NOW, cleared_at=NOW)})
    closed, _ = advance(
        asking.model_copy(update={"outbox": ()}), Sighted(), gone, world(facts=facts), NOW
    )
    assert said(closed) == ["Incident closed (handed_over): All of its anomalies are cleared."]
