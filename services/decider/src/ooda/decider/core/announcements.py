"""The events that the decider publishes, built from a record. Pure: same record, same ids."""

import datetime as dt

from ooda.common.events import (
    SUMMARY_LIMIT,
    DecisionMade,
    IncidentClosed,
    ReviewRequested,
    derive_id,
)
from ooda.common.phrases import name_of, requested, sentence, shortened
from ooda.common.taxonomy import ActionKind, Closure, FailureClass, Verdict
from ooda.decider.core.limits import Limits
from ooda.decider.core.policy import Act, Judgement, Review, StandDown, Wait
from ooda.decider.core.record import Incident

_REASON = 1000
_FOLLOW_UPS = {
    ActionKind.RAISE_MEMORY_LIMIT: (
        "Review its capacity: the memory limit was raised, and why it needs more is not known."
    ),
}
"""What is left to a person after an action that helped, unless the actor knows it better."""


def verdict_of(judgement: Judgement) -> Verdict:
    """Return how a judgement is called in events."""
    match judgement:
        case Act():
            return Verdict.ACT
        case Wait():
            return Verdict.WAIT
        case Review():
            return Verdict.REVIEW
        case StandDown():
            return Verdict.STAND_DOWN


def decision(
    record: Incident, judgement: Judgement, limits: Limits, now: dt.datetime
) -> DecisionMade:
    """Announce a judgement; its id tells later ones on the same diagnosis from the first."""
    attempt = record.diagnosis.attempt if record.diagnosis else record.attempt
    again = (record.decisions,) if record.decisions else ()
    decision_id = derive_id("decision", record.incident_id, attempt, *again)
    verdict = verdict_of(judgement)
    return DecisionMade(
        event_id=derive_id(DecisionMade.subject, decision_id),
        summary=shortened(_said(record, judgement), SUMMARY_LIMIT),
        occurred_at=now,
        cluster_id=record.cluster_id,
        namespace=record.namespace,
        caused_by=(record.diagnosis.event_id,) if record.diagnosis else (),
        incident_id=record.incident_id,
        decision_id=decision_id,
        attempt=attempt,
        verdict=verdict,
        reason=judgement.reason,
        valid_until=now + dt.timedelta(seconds=limits.valid_for),
        mode=record.mode,
        threshold=judgement.threshold if isinstance(judgement, Act | Review) else None,
        request=judgement.request if isinstance(judgement, Act) else None,
        anomalies=record.open_anomalies,
        approval=judgement.approval if isinstance(judgement, Act) else None,
    )


def review(
    record: Incident, judgement: Review, limits: Limits, now: dt.datetime
) -> ReviewRequested:
    """Ask a person, with what the cluster says of it."""
    diagnosis = record.diagnosis
    review_id = derive_id("review", record.incident_id, record.attempt)
    clue = f" {record.clue}" if record.clue else ""
    return ReviewRequested(
        event_id=derive_id(ReviewRequested.subject, review_id),
        summary=shortened(f"A person is asked{_about(record, judgement)}", SUMMARY_LIMIT),
        occurred_at=now,
        cluster_id=record.cluster_id,
        namespace=record.namespace,
        caused_by=(diagnosis.event_id,) if diagnosis else (),
        incident_id=record.incident_id,
        review_id=review_id,
        question=_question(judgement),
        reason=shortened(f"{judgement.reason}{clue}", _REASON),
        expires_at=now + dt.timedelta(seconds=limits.review_for),
        failure_class=diagnosis.failure_class if diagnosis else FailureClass.UNKNOWN,
        component=diagnosis.component if diagnosis else None,
        confidence=diagnosis.confidence if diagnosis else 0.0,
        proposal=judgement.proposal,
        basis=judgement.basis,
        instructions=judgement.instructions,
    )


def asked_again(old: ReviewRequested, limits: Limits, now: dt.datetime) -> ReviewRequested:
    """Ask the same once more: nobody answered in time."""
    review_id = derive_id("review", old.review_id, "again")
    return old.model_copy(
        update={
            "event_id": derive_id(ReviewRequested.subject, review_id),
            "review_id": review_id,
            "caused_by": (old.event_id,),
            "summary": shortened(f"Nobody answered yet. {old.summary}", SUMMARY_LIMIT),
            "occurred_at": now,
            "expires_at": now + dt.timedelta(seconds=limits.review_for),
        }
    )


def asked_anew(asked: ReviewRequested, sequence: int) -> ReviewRequested:
    """Give a question an identity of its own, beside another one on the same diagnosis."""
    review_id = derive_id("review", asked.review_id, sequence)
    event_id = derive_id(ReviewRequested.subject, review_id)
    return asked.model_copy(update={"review_id": review_id, "event_id": event_id})


def closed(record: Incident, closure: Closure, reason: str, now: dt.datetime) -> IncidentClosed:
    """Announce the end of an incident, with the times of its stages."""
    diagnosis = record.diagnosis
    usual = _FOLLOW_UPS.get(record.helped, "") if record.helped else ""
    follow_up = record.follow_up or usual
    return IncidentClosed(
        event_id=derive_id(IncidentClosed.subject, record.incident_id),
        summary=shortened(
            f"Incident closed ({closure}): {reason} {follow_up}".rstrip(), SUMMARY_LIMIT
        ),
        occurred_at=now,
        cluster_id=record.cluster_id,
        namespace=record.namespace,
        incident_id=record.incident_id,
        closure=closure,
        failure_class=diagnosis.failure_class if diagnosis else None,
        component=diagnosis.component if diagnosis else None,
        reason=reason,
        follow_up=follow_up,
        merged_into=record.merged_into,
        times=record.times,
    )


def _question(judgement: Review) -> str:
    if judgement.proposal is not None:
        return f"{sentence(requested(judgement.proposal).to_do())}?"
    return "Is this to be done by hand?" if judgement.instructions else "What is to be done?"


def _said(record: Incident, judgement: Judgement) -> str:
    match judgement:
        case Act(request=request, reason=reason):
            return f"Acting: {requested(request).to_do()} ({reason})."
        case Wait(reason=reason):
            return f"Waiting: {reason}"
        case Review(reason=reason):
            return f"Not acting alone on {_blamed(record)}: {reason}"
        case StandDown(reason=reason):
            return f"Standing down on {_blamed(record)}: {reason}"


def _about(record: Incident, judgement: Review) -> str:
    if judgement.proposal is None:
        return f" what to do about {_blamed(record)}: {judgement.reason}"
    return f" whether to {requested(judgement.proposal).to_do()}: {judgement.reason}"


def _blamed(record: Incident) -> str:
    found = record.diagnosis
    if found is None:
        return "an incident that is not diagnosed"
    place = f" of {name_of(found.component)}" if found.component is not None else ""
    return f"{found.failure_class}{place}"
