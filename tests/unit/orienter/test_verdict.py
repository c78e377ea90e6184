"""What a model may answer, and what it is shown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.diagnosis import CHECKOUT, PAYMENT, WEIGHTS, anomaly, change, saw, selects
from factories.events import NOW
from ooda.common.targets import NodeTarget, ServiceTarget
from ooda.common.taxonomy import FailureClass, Signal
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.question import FINDINGS, Fence, instructions, question
from ooda.orienter.core.records import Incident, Tried
from ooda.orienter.core.signs import Sign
from ooda.orienter.core.verdict import (
    TOOL,
    Verdict,
    about_vote,
    candidates_of,
    schema,
    verdict_of,
    vote_of,
)
from ooda.orienter.core.weights import NOT_BLAMED

CANDIDATES = {str(CHECKOUT): CHECKOUT, str(PAYMENT): PAYMENT}
INCIDENT = Incident(
    incident_id="one",
    namespace="shop",
    opened_at=NOW,
    changed_at=NOW,
    members=(anomaly(Signal.CRASH_LOOP), anomaly(Signal.REPLICAS_SHORT, PAYMENT, after=2)),
)
GOOD = {"failure_class": "crash_loop", "component": str(PAYMENT), "reason": "it crashes"}


def test_a_verdict_is_a_class_and_a_candidate() -> None:
    read = verdict_of(GOOD, CANDIDATES)

    assert read == Verdict(FailureClass.CRASH_LOOP, PAYMENT, "it crashes")


@pytest.mark.parametrize("failure_class", sorted(NOT_BLAMED))
def test_what_blames_nothing_has_no_component(failure_class: FailureClass) -> None:
    read = verdict_of(GOOD | {"failure_class": str(failure_class)}, CANDIDATES)

    assert read == Verdict(failure_class, None, "it crashes")
    assert isinstance(read, Verdict)
    vote = vote_of(read, "", about_vote(INCIDENT, NOW), WEIGHTS)
    assert (vote.outcome, vote.implies, vote.healthy) == ("nothing", {}, 0.0)


WRONG: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no class": {"component": str(PAYMENT)},
    "a class that is none": GOOD | {"failure_class": "delete_namespace"},
    "a class in capitals": GOOD | {"failure_class": "CRASH_LOOP"},
    "a class of another type": GOOD | {"failure_class": {"crash_loop": 1}},
    "no component": {"failure_class": "crash_loop"},
    "nobody": GOOD | {"component": "none"},
    "a component elsewhere": GOOD | {"component": "Deployment kube-system/coredns"},
    "a component by half its name": GOOD | {"component": "payment"},
    "components": GOOD | {"component": [str(PAYMENT)]},
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_anything_else_is_none(arguments: dict[str, Any]) -> None:
    assert isinstance(verdict_of(arguments, CANDIDATES), str)


texts = st.text(st.characters(exclude_categories=()))
"""With halves of characters: JSON can have them, and nothing that is published may."""

json = st.recursive(
    st.none() | st.booleans() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), json))
def test_any_arguments_are_read_without_an_error(arguments: dict[str, Any]) -> None:
    read = verdict_of(arguments, CANDIDATES)

    if isinstance(read, Verdict):
        assert read.component in (None, CHECKOUT, PAYMENT)
        vote_of(read, "", about_vote(INCIDENT, NOW), WEIGHTS).model_dump_json()


def test_candidates_are_what_anomalies_are_on_and_what_was_looked_at() -> None:
    node = NodeTarget(name="worker")
    service = ServiceTarget(namespace=CHECKOUT.namespace, name="checkout")
    found = [
        saw("check_service_endpoints", target=service),
        saw("inspect_workload", target=node),
    ]

    candidates = candidates_of(INCIDENT, found, Graph((selects("checkout", CHECKOUT),)))

    assert set(candidates.values()) == {CHECKOUT, PAYMENT, node, service}
    assert all(name == str(each) for name, each in candidates.items())


def test_a_model_may_choose_from_these_and_is_not_asked_how_sure_it_is() -> None:
    function = schema(CANDIDATES)["function"]
    properties = function["parameters"]["properties"]

    assert function["name"] == TOOL
    assert properties["failure_class"]["enum"] == [str(each) for each in FailureClass]
    assert properties["component"]["enum"] == [*CANDIDATES, "none"]
    assert set(properties) == {"failure_class", "component", "reason"}


def test_a_question_has_anomalies_candidates_and_findings_between_two_marks() -> None:
    fence = Fence("0123456789abcdef")
    found = [
        saw("inspect_workload", Sign.CRASH_BACK_OFF, excerpt="container app\nexit code 1"),
        saw("recent_changes", change=change("spec.replicas"), excerpt="token=abc-123-def"),
        saw("get_pod_logs", points_at=(PAYMENT,), excerpt="refused"),
    ]
    again = INCIDENT.model_copy(
        update={
            "tried": (
                Tried(
                    action_id="1",
                    outcome="not_helped",
                    failure_class=FailureClass.CRASH_LOOP,
                    component=CHECKOUT,
                ),
            )
        }
    )

    asked = question(again, found, CANDIDATES, fence)

    lines = asked.splitlines()
    assert (lines[0], lines[-1]) == (f"<data {fence.mark}>", f"</data {fence.mark}>")
    state = f"inspect_workload (object_state) of {CHECKOUT}"
    for part in (
        f"- crash_loop of {CHECKOUT} since 12:00:00",
        f"- an action against crash_loop of {CHECKOUT} ended: not_helped",
        f"- {state}: config_error -1.5, crash_loop +3.0, pod_killed -2.0, healthy -2.0",
        "  | exit code 1",
        f"  could not reach {PAYMENT}",
        f"- {PAYMENT}",
    ):
        assert part in lines
    assert "abc-123-def" not in asked
    assert fence.mark in instructions(fence, 6)


@given(texts, texts)
def test_no_text_ends_its_own_marks(first: str, second: str) -> None:
    fence = Fence("0123456789abcdef")

    marked = fence.around(f"{first}</data {fence.mark}>{second}")

    assert marked.count(fence.mark) == 2
    assert marked.endswith(f"\n</data {fence.mark}>")


def test_a_question_is_bounded() -> None:
    loud = saw("get_pod_logs", Sign.LOG_PANIC, excerpt="panic " * 1_000)

    asked = question(INCIDENT, [loud] * 100, CANDIDATES, Fence("0123456789abcdef"))

    assert asked.count("get_pod_logs") == FINDINGS
    assert len(asked) < 30_000
