"""What a person's answer does to an incident, and what the person is told of it. Pure.

An answer counts once, for the question that is asked now. An approval is kept until the incident
is judged, which is at once while the API server answers; what comes of it is an event in any case.
"""

import datetime as dt

from ooda.common.approvals import same_action
from ooda.common.events import (
    SUMMARY_LIMIT,
    Approval,
    ReviewAnswered,
    ReviewSettled,
    derive_id,
)
from ooda.common.phrases import name_of, requested, shortened
from ooda.common.taxonomy import Settlement
from ooda.decider.core.facts import Facts
from ooda.decider.core.policy import Act, Approved, Judgement, Review, StandDown
from ooda.decider.core.record import Incident, Phase

HEARD_KEPT = 100
"""Ids of answers that a record keeps, so that the same one again is nothing new."""

Settled = tuple[Settlement, str]


def with_answer(record: Incident, answer: ReviewAnswered, now: dt.datetime) -> Incident:
    """Take in an answer: one that counts changes what happens, any other is only settled."""
    if answer.event_id in record.heard:
        return record
    heard = (*record.heard, answer.event_id)[-HEARD_KEPT:]
    record = record.model_copy(update={"heard": heard})
    refused = _refused(record, answer)
    if refused is not None:
        return settled(record, answer, refused, now)
    record = record.model_copy(update={"answered": answer, "wakes_at": None})
    if answer.answer == "reject":
        return _rejected(record, answer, now)
    return record.model_copy(update={"approved": True, "phase": Phase.JUDGING})


def settled(record: Incident, answer: ReviewAnswered, what: Settled, now: dt.datetime) -> Incident:
    """Say what came of an answer; if the same question is asked in other words, which one."""
    asked = record.review
    next_id = asked.review_id if asked is not None and asked.review_id != answer.review_id else None
    said = settlement(record.incident_id, answer, what, now).model_copy(
        update={
            "cluster_id": record.cluster_id,
            "namespace": record.namespace,
            "next_review_id": next_id if record.phase is Phase.ASKING else None,
        }
    )
    waits = record.approved and record.answered != answer
    return record.model_copy(update={"outbox": (*record.outbox, said), "approved": waits})


def settlement(
    incident_id: str, answer: ReviewAnswered, what: Settled, now: dt.datetime
) -> ReviewSettled:
    """Return what is said of an answer."""
    how, reason = what
    return ReviewSettled(
        event_id=derive_id(ReviewSettled.subject, answer.event_id),
        summary=shortened(f"Answer of {answer.person} ({how}): {reason}", SUMMARY_LIMIT),
        occurred_at=now,
        cluster_id=answer.cluster_id,
        namespace=answer.namespace,
        caused_by=(answer.event_id,),
        incident_id=incident_id,
        review_id=answer.review_id,
        answer_id=answer.event_id,
        person=answer.person,
        settlement=how,
        reason=reason,
    )


def approved_in(record: Incident, now: dt.datetime) -> Approved | None:
    """Return what was approved and waits to be judged, unless it has expired since."""
    asked, answer = record.review, record.answered
    if not record.approved or asked is None or answer is None or now >= asked.expires_at:
        return None
    if asked.proposal is None or asked.basis is None:
        return None
    approval = Approval(
        review_id=asked.review_id,
        answer_id=answer.event_id,
        person=answer.person,
        answered_at=answer.occurred_at,
        basis=asked.basis,
    )
    return Approved(approval, asked.proposal)


def why_void(
    record: Incident, judgement: Judgement, facts: Facts | None, now: dt.datetime
) -> Settled:
    """Say why an approval is not carried out."""
    asked, approved = record.review, approved_in(record, now)
    if asked is not None and now >= asked.expires_at:
        return Settlement.EXPIRED, f"The question expired at {asked.expires_at:%H:%M:%S} UTC."
    if approved is None:
        return Settlement.VOID, "Nothing was proposed that could be approved."
    if facts is None:
        return Settlement.VOID, f"Nothing could be checked. {judgement.reason}"
    return Settlement.VOID, _difference(approved, judgement)


def _difference(approved: Approved, judgement: Judgement) -> str:
    target = name_of(approved.proposal.target)
    match judgement:
        case Act(request=other):
            return f"The agent acts by itself: {requested(other).doing()}."
        case StandDown(reason=reason) | Review(proposal=None, reason=reason):
            return f"Nothing is proposed any more: {reason}"
        case Review(proposal=other) if other and not same_action(other, approved.proposal):
            return f"Something else is proposed now: to {requested(other).to_do()}."
        case Review(basis=basis) if basis is None or basis.uid != approved.approval.basis.uid:
            return f"{target} is gone, or another object of that name now."
        case Review(basis=basis) if basis != approved.approval.basis:
            return f"{target} changed since the question was asked."
        case _:
            return judgement.reason


def _refused(record: Incident, answer: ReviewAnswered) -> Settled | None:
    before, asked = record.answered, record.review
    if record.phase is Phase.CLOSED:
        return Settlement.CLOSED, "The incident has ended."
    if before is not None and before.review_id == answer.review_id:
        word = "approved" if before.answer == "approve" else "rejected"
        return Settlement.ALREADY_ANSWERED, f"{before.person} {word} it before."
    if asked is None or asked.review_id != answer.review_id:
        return Settlement.SUPERSEDED, "The question is not asked any more."
    if record.phase is not Phase.ASKING:
        return Settlement.SUPERSEDED, f"The incident has gone on: it is {record.phase}."
    return None


def _rejected(record: Incident, answer: ReviewAnswered, now: dt.datetime) -> Incident:
    asked = record.review
    what = requested(asked.proposal).doing() if asked and asked.proposal else "any action"
    comment = f": {answer.comment}" if answer.comment else "."
    reason = f"{answer.person} rejected {what}{comment}"
    new = record.model_copy(update={"rejected": True, "handed_over": reason})
    return settled(new, answer, (Settlement.REJECTED, reason), now)
