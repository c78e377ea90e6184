"""From findings to a diagnosis: one pure function (``docs/diagnosis.md`` has the model)."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ooda.common.findings import Change, Finding, Hypothesis
from ooda.common.targets import Target
from ooda.common.taxonomy import EvidenceFamily, FailureClass
from ooda.orienter.core.changes import ChangeSays, change_says
from ooda.orienter.core.coverage import unexplained
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.records import DID_NOT_HELP, Member, Tried
from ooda.orienter.core.shares import cause_of
from ooda.orienter.core.weights import NOT_BLAMED, Weights

INDEPENDENT = 2
"""Families that agree on a diagnosis which a model's vote for another cannot touch."""

REPORTED = 5
"""Hypotheses that are published, best first."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that a diagnosis is made from."""

    anomalies: tuple[Member, ...]
    """Those still open."""
    findings: tuple[Finding, ...]
    graph: Graph
    onset: dt.datetime
    tried: tuple[Tried, ...] = ()
    suspected: tuple[Member, ...] = ()
    """Anomalies whose classes are considered; those still open, and those of the past that stay
    true after they cleared."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What failed and why, or that it is unknown."""

    failure_class: FailureClass
    component: Target | None
    confidence: float
    margin: float
    change: Change | None = None
    agreeing: tuple[EvidenceFamily, ...] = ()
    contradicting: tuple[EvidenceFamily, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    cause: str | None = None
    """What it blames that other components share; None if it is the component's own."""


@dataclass(frozen=True, slots=True)
class _Scored:
    failure_class: FailureClass
    component: Target | None
    score: float
    nets: Mapping[EvidenceFamily, float] = field(default_factory=dict)
    silent: tuple[EvidenceFamily, ...] = ()
    change: Change | None = None
    unexplained: tuple[str, ...] = ()
    cause: str | None = None
    """What it blames that other components share; None if it is the component's own."""


def fuse(case: Case, weights: Weights) -> Diagnosis:
    """Score every hypothesis that something suggests, and tell the best and how sure it is."""
    votes = [each for each in case.findings if each.family is EvidenceFamily.MODEL]
    case = replace(case, findings=tuple(each for each in case.findings if each not in votes))
    case = _with_calls_from_logs(case)
    candidates = _candidates(case, weights)
    scored = [_score(candidate, candidates, case, weights) for candidate in candidates]
    scored += [_healthy(case, weights), _unknown(case, weights)]
    scored.sort(key=lambda each: each.score, reverse=True)
    scored = _one_per_cause(scored)
    scored = _with_votes(scored, votes, case.graph, weights)
    probabilities = _softmax([each.score for each in scored])
    best = scored[0]
    confidence = weights.calibrate(probabilities[0])
    other = (
        weights.calibrate(probability)
        for each, probability in zip(scored, probabilities, strict=True)
        if _action(each, weights) != _action(best, weights)
    )
    hypotheses = (
        _hypothesis(each, probability, weights)
        for each, probability in zip(scored, probabilities, strict=True)
    )
    return Diagnosis(
        best.failure_class,
        best.component,
        confidence,
        confidence - max(other, default=0.0),
        best.change,
        _families(best, weights.agree),
        _families(best, -weights.agree),
        tuple(hypotheses)[:REPORTED],
        best.cause,
    )


def blind() -> Diagnosis:
    """Return what is said when the observer cannot see: nothing that could lead to an action."""
    unknown = Hypothesis(
        failure_class=FailureClass.UNKNOWN, component=None, score=0.0, probability=1.0
    )
    return Diagnosis(FailureClass.UNKNOWN, None, 0.0, 0.0, hypotheses=(unknown,))


_Candidate = tuple[FailureClass, Target]


def _with_calls_from_logs(case: Case) -> Case:
    """Believe a log that names a server, as far as who calls whom: only that gets blame there."""
    pairs = [
        (case.graph.component(finding.target), server)
        for finding in case.findings
        for server in finding.points_at
    ]
    return replace(case, graph=case.graph.with_calls(pairs))


def _candidates(case: Case, weights: Weights) -> tuple[_Candidate, ...]:
    suggested = [
        (failure_class, case.graph.component(member.target))
        for member in (*case.anomalies, *case.suspected)
        for failure_class in weights.suggests[member.signal]
    ]
    implied = [
        (failure_class, case.graph.component(finding.target))
        for finding in case.findings
        for failure_class, strength in finding.implies.items()
        if strength > 0 and failure_class not in NOT_BLAMED
    ]
    return tuple(dict.fromkeys(suggested + implied))


def _score(
    candidate: _Candidate, candidates: Sequence[_Candidate], case: Case, weights: Weights
) -> _Scored:
    failure_class, component = candidate
    here = [each for each in case.findings if case.graph.component(each.target) == component]
    nets = _nets([(each, each.implies.get(failure_class, 0.0)) for each in here], weights)
    onset = min(
        (each.since for each in case.anomalies if case.graph.component(each.target) == component),
        default=case.onset,
    )
    change: ChangeSays = change_says(
        failure_class, component, onset, case.findings, case.graph, weights
    )
    if change.score > 0:
        nets[EvidenceFamily.RECENT_CHANGE] = change.score
    cause = cause_of(failure_class, component, change.blamed, case.anomalies, case.graph)
    missing = unexplained(failure_class, component, case.anomalies, case.graph, weights, cause)
    elsewhere = _points_elsewhere(here, component, candidates, case.graph)
    failed = sum(
        1
        for each in case.tried
        if each.outcome in DID_NOT_HELP
        and each.failure_class is failure_class
        and each.component == component
    )
    score = (
        weights.classes[failure_class].prior
        + change.score
        + sum(net for family, net in nets.items() if family is not EvidenceFamily.RECENT_CHANGE)
        + weights.unexplained * len(missing)
        + weights.points_elsewhere * elsewhere
        + weights.tried * failed
        + weights.bare * all(net <= 0 for net in nets.values())
    )
    silent = {each.family for each in here} - {family for family, net in nets.items() if net}
    return _Scored(
        failure_class, component, score, nets, tuple(sorted(silent)), change.blamed, missing, cause
    )


def _one_per_cause(scored: Sequence[_Scored]) -> list[_Scored]:
    """Return them, best first, without those that say the same of another component.

    That a ConfigMap lost a key is one hypothesis, however many workloads read it.
    """
    kept: list[_Scored] = []
    said: set[tuple[FailureClass, str]] = set()
    for each in scored:
        what = (each.failure_class, each.cause) if each.cause is not None else None
        if what is None or what not in said:
            kept.append(each)
        if what is not None:
            said.add(what)
    return kept


def _nets(said: Sequence[tuple[Finding, float]], weights: Weights) -> dict[EvidenceFamily, float]:
    """Return per family the strongest for plus the strongest against, clipped.

    Findings of one family are not independent, so they do not add up.
    """
    nets: dict[EvidenceFamily, float] = {}
    for family in {finding.family for finding, _ in said}:
        strengths = [
            strength
            for finding, strength in said
            if finding.family is family and finding.outcome == "evidence"
        ]
        net = max([0.0, *strengths]) + min([0.0, *strengths])
        limit = weights.clip_of(family)
        nets[family] = max(-limit, min(limit, net))
    return nets


def _with_votes(
    scored: Sequence[_Scored], votes: Sequence[Finding], graph: Graph, weights: Weights
) -> list[_Scored]:
    """Let a model's vote tip the balance, as far as the evidence leaves it open.

    It counts for a hypothesis that a family of evidence agrees with already, up to the clip of its
    own family, and for none but the best where two families agree on that one. So it never
    decides alone, and what a log talks a model into is nothing against two other witnesses.
    """
    limit = weights.clip_of(EvidenceFamily.MODEL)
    settled = len(_families(scored[0], weights.agree)) >= INDEPENDENT

    def worth(each: _Scored) -> float:
        if (settled and each is not scored[0]) or not _families(each, weights.agree):
            return 0.0
        strengths = (
            vote.implies.get(each.failure_class, 0.0)
            for vote in votes
            if vote.outcome == "evidence" and graph.component(vote.target) == each.component
        )
        return min(limit, max([0.0, *strengths]))

    raised = [replace(each, score=each.score + worth(each)) for each in scored]
    return sorted(raised, key=lambda each: each.score, reverse=True)


def _points_elsewhere(
    here: Sequence[Finding], component: Target, candidates: Sequence[_Candidate], graph: Graph
) -> bool:
    """Return whether the component names a server it cannot reach that is itself in trouble."""
    suspects = {candidate[1] for candidate in candidates} - {component}
    return any(
        not suspects.isdisjoint({server, graph.server(server)})
        for finding in here
        for server in finding.points_at
    )


def _healthy(case: Case, weights: Weights) -> _Scored:
    nets = _nets([(each, each.healthy) for each in case.findings], weights)
    score = sum(nets.values()) + weights.healthy_while_open * len(case.anomalies)
    return _Scored(
        FailureClass.HEALTHY,
        None,
        score,
        nets,
        unexplained=tuple(each.anomaly_id for each in case.anomalies),
    )


def _unknown(case: Case, weights: Weights) -> _Scored:
    """Return the reject level; the component only tells a person where to look."""
    places = {case.graph.component(each.target) for each in case.anomalies}
    place = next(iter(places)) if len(places) == 1 else None
    return _Scored(FailureClass.UNKNOWN, place, weights.reject)


def _action(scored: _Scored, weights: Weights) -> tuple[str, Target | str | None]:
    """Return what the hypothesis would lead to, and to what; nothing if it touches none."""
    if scored.failure_class in NOT_BLAMED:
        return weights.not_blamed_actions[scored.failure_class], None
    actions = weights.classes[scored.failure_class].actions
    action = actions.changed if scored.change else actions.unchanged
    touches = action not in weights.not_blamed_actions.values()
    return action, (scored.cause or scored.component) if touches else None


def _families(scored: _Scored, level: float) -> tuple[EvidenceFamily, ...]:
    wanted = (
        family
        for family, net in scored.nets.items()
        if (net >= level if level > 0 else net <= level)
    )
    return tuple(sorted(wanted))


def _hypothesis(scored: _Scored, probability: float, weights: Weights) -> Hypothesis:
    return Hypothesis(
        failure_class=scored.failure_class,
        component=scored.component,
        score=round(scored.score, 3),
        probability=min(1.0, probability),
        agreeing=_families(scored, weights.agree),
        contradicting=_families(scored, -weights.agree),
        silent=scored.silent,
        unexplained=scored.unexplained,
    )


def _softmax(scores: Sequence[float]) -> list[float]:
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]
