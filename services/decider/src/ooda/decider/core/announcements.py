"""The events that the decider publishes, built from a record. Pure: same record, same ids."""

import datetime as dt

from ooda.common.events import (
    ActionRequest,
    DecisionMade,
    IncidentClosed,
    ReviewRequested,
    derive_id,
)
from ooda.common.taxonomy import Closure, FailureClass, Verdict
from ooda.decider.core.limits import Limits
from ooda.decider.core.policy import Act, Judgement, Review, StandDown, Wait
from ooda.decider.core.record import Incident

_SUMMARY = 400
_REASON = 1000

_SAYS = {
    Verdict.ACT: "Decided to act",
    Verdict.WAIT: "Decided to wait",
    Verdict.REVIEW: "Decided to ask a person",
    Verdict.STAND_DOWN: "Decided to stand down",
}


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
        summary=f"{_SAYS[verdict]}: {judgement.reason}"[:_SUMMARY],
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
    )


def review(
    record: Incident, judgement: Review, limits: Limits, now: dt.datetime
) -> ReviewRequested:
    """Ask a person, with what the logs say."""
    diagnosis = record.diagnosis
    review_id = derive_id("review", record.incident_id, record.attempt)
    clue = f" The log says: {record.clue}" if record.clue else ""
    return ReviewRequested(
        event_id=derive_id(ReviewRequested.subject, review_id),
        summary=f"A person is asked: {judgement.reason}"[:_SUMMARY],
        occurred_at=now,
        cluster_id=record.cluster_id,
        namespace=record.namespace,
        caused_by=(diagnosis.event_id,) if diagnosis else (),
        incident_id=record.incident_id,
        review_id=review_id,
        question=_question(judgement.proposal),
        reason=f"{judgement.reason}{clue}"[:_REASON],
        expires_at=now + dt.timedelta(seconds=limits.review_for),
        failure_class=diagnosis.failure_class if diagnosis else FailureClass.UNKNOWN,
        component=diagnosis.component if diagnosis else None,
        confidence=diagnosis.confidence if diagnosis else 0.0,
        proposal=judgement.proposal,
    )


def asked_again(old: ReviewRequested, limits: Limits, now: dt.datetime) -> ReviewRequested:
    """Ask the same once more: nobody answered in time."""
    review_id = derive_id("review", old.review_id, "again")
    return old.model_copy(
        update={
            "event_id": derive_id(ReviewRequested.subject, review_id),
            "review_id": review_id,
            "caused_by": (old.event_id,),
            "summary": f"Nobody answered; {old.summary}"[:_SUMMARY],
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
    return IncidentClosed(
        event_id=derive_id(IncidentClosed.subject, record.incident_id),
        summary=f"Incident closed ({closure}): {reason}"[:_SUMMARY],
        occurred_at=now,
        cluster_id=record.cluster_id,
        namespace=record.namespace,
        incident_id=record.incident_id,
        closure=closure,
        failure_class=diagnosis.failure_class if diagnosis else None,
        component=diagnosis.component if diagnosis else None,
        reason=reason,
        merged_into=record.merged_into,
        times=record.times,
    )


def _question(proposal: ActionRequest | None) -> str:
    if proposal is None:
        return "What is to be done?"
    return f"Should {proposal.action} of {proposal.target} be carried out?"
