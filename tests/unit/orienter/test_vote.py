"""What a model's vote may do to a diagnosis, whatever it says and whatever the tools found."""

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from factories.diagnosis import CHECKOUT, PAYMENT, WEIGHTS, anomaly, case, saw
from factories.events import NOW
from ooda.common.findings import Finding
from ooda.common.targets import Target
from ooda.common.taxonomy import EvidenceFamily, FailureClass, Signal
from ooda.orienter.core.findings import About
from ooda.orienter.core.fusion import Case, Diagnosis, fuse
from ooda.orienter.core.signs import Sign
from ooda.orienter.core.verdict import Verdict, vote_of
from ooda.orienter.core.weights import NOT_BLAMED, Weights

ABOUT = About("model", EvidenceFamily.MODEL, CHECKOUT, NOW)
BLAMED = sorted(set(FailureClass) - NOT_BLAMED)


def vote(failure_class: FailureClass, component: Target = CHECKOUT) -> Finding:
    blamed = None if failure_class in NOT_BLAMED else component
    return vote_of(Verdict(failure_class, blamed, "so it seems"), "", ABOUT, WEIGHTS)


def voted(given: Case, *votes: Finding) -> Diagnosis:
    return fuse(replace(given, findings=(*votes, *given.findings)), WEIGHTS)


FEW = (
    FailureClass.CRASH_LOOP,
    FailureClass.OOM_KILLED,
    FailureClass.PROBE_FAILURE,
    FailureClass.SLOW_SERVER,
)
"""Few enough that votes and evidence are often about the same."""

classes = st.sampled_from(FEW)
components = st.sampled_from([CHECKOUT, PAYMENT])
strengths = st.sampled_from([-2.0, 0.3, 0.6, 0.7, 1.5, 3.0]) | st.floats(-6, 6)
evidence = st.builds(
    Finding,
    tool=st.just("test"),
    family=st.sampled_from(sorted(set(EvidenceFamily) - {EvidenceFamily.MODEL})),
    target=components,
    observed_at=st.just(NOW),
    implies=st.dictionaries(classes, strengths, max_size=3),
    healthy=strengths,
)
anomalies = st.builds(anomaly, st.sampled_from(sorted(Signal)), components)
cases = st.builds(case, st.lists(anomalies, max_size=3), st.lists(evidence, max_size=8))
votes = st.builds(vote, st.sampled_from([*FEW, *BLAMED, FailureClass.HEALTHY]), components)
wild = st.builds(
    Finding,
    tool=st.just("model"),
    family=st.just(EvidenceFamily.MODEL),
    target=components,
    observed_at=st.just(NOW),
    implies=st.dictionaries(classes, strengths, max_size=4),
    healthy=strengths,
)
said = st.lists(votes | wild, min_size=1, max_size=3)


@given(cases, said)
def test_what_two_families_agree_on_no_vote_can_flip(given: Case, said: list[Finding]) -> None:
    before, after = fuse(given, WEIGHTS), voted(given, *said)

    if len(before.agreeing) >= 2:
        assert (after.failure_class, after.component) == (before.failure_class, before.component)
        assert after.confidence >= before.confidence
        assert after.agreeing == before.agreeing


@given(cases, votes)
def test_a_vote_against_two_families_changes_nothing_at_all(given: Case, said: Finding) -> None:
    before, after = fuse(given, WEIGHTS), voted(given, said)

    another = (before.failure_class, before.component) not in [
        (failure_class, said.target) for failure_class in said.implies
    ]
    if len(before.agreeing) >= 2 and another:
        assert after == before


@given(cases, said)
def test_a_vote_alone_decides_nothing(given: Case, said: list[Finding]) -> None:
    before, after = fuse(given, WEIGHTS), voted(given, *said)

    if (after.failure_class, after.component) != (before.failure_class, before.component):
        assert after.agreeing, "a family of evidence stands behind what it tipped the balance to"
    if not before.agreeing and after.failure_class in NOT_BLAMED:
        assert after.failure_class is before.failure_class


@given(cases, said)
def test_a_vote_is_bounded_and_no_family_of_its_own(given: Case, said: list[Finding]) -> None:
    before, after = fuse(given, WEIGHTS), voted(given, *said)

    assert EvidenceFamily.MODEL not in (*after.agreeing, *after.contradicting)
    scores = {(each.failure_class, each.component): each.score for each in before.hypotheses}
    for each in after.hypotheses:
        assert EvidenceFamily.MODEL not in (*each.agreeing, *each.contradicting, *each.silent)
        if (earlier := scores.get((each.failure_class, each.component))) is not None:
            assert each.score - earlier >= -1e-3
            assert each.score - earlier <= WEIGHTS.clip_of(EvidenceFamily.MODEL) + 1e-3


@given(cases)
def test_healthy_and_unknown_are_no_votes(given: Case) -> None:
    before = fuse(given, WEIGHTS)

    for failure_class in NOT_BLAMED:
        assert voted(given, vote(failure_class)) == before


# An exit without a reason, and a kill from outside: nearly as much speaks for one as for the other.
OPEN = case(
    [anomaly(Signal.CRASH_LOOP)],
    [
        saw("inspect_workload", Sign.CRASHED),
        saw("describe_pod_events", Sign.EVENT_READINESS_FAILED),
    ],
)


def test_a_vote_tips_what_the_evidence_leaves_open() -> None:
    before, after = fuse(OPEN, WEIGHTS), voted(OPEN, vote(FailureClass.PROBE_FAILURE))

    assert before.failure_class is FailureClass.CRASH_LOOP
    assert after.failure_class is FailureClass.PROBE_FAILURE
    assert after.confidence < 0.6, "and it is not sure for that"
    assert after.agreeing == (EvidenceFamily.EVENTS,)


def test_a_vote_for_what_no_tool_found_counts_nothing() -> None:
    before = fuse(OPEN, WEIGHTS)

    assert voted(OPEN, vote(FailureClass.TRAFFIC_SURGE)) == before
    assert voted(OPEN, vote(FailureClass.CRASH_LOOP, PAYMENT)) == before


def test_a_vote_for_what_is_barely_suspected_counts_nothing() -> None:
    barely = Finding(
        tool="test",
        family=EvidenceFamily.LOGS,
        target=CHECKOUT,
        observed_at=NOW,
        implies={FailureClass.OOM_KILLED: 0.4},
    )
    given = case([], [barely])

    assert fuse(given, WEIGHTS).failure_class is FailureClass.UNKNOWN
    assert voted(given, vote(FailureClass.OOM_KILLED)) == fuse(given, WEIGHTS)


def test_weights_that_let_a_model_count_as_a_family_are_refused() -> None:
    given = yaml.safe_load(WEIGHTS.model_dump_json())

    with pytest.raises(ValueError, match="model must stay below agree"):
        Weights.model_validate(given | {"family_clip": {"model": 0.7}})
