"""Take in what happens to an incident: events, answers, its timer. Decides nothing. Pure."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ooda.common.events import (
    ActionApplied,
    ActionExecuted,
    DiagnosisReady,
    DiagnosisStarted,
    OpenAnomaly,
    ReviewAnswered,
)
from ooda.common.phrases import ended, sentence
from ooda.common.taxonomy import ActionKind, Outcome
from ooda.decider.core import announcements
from ooda.decider.core.answering import with_answer
from ooda.decider.core.clues import clue_of
from ooda.decider.core.limits import Limits
from ooda.decider.core.record import Incident, InFlight, Phase, Sightings

CLEARED_KEPT = 100
"""Cleared anomalies that a record keeps, so that one that flaps does not grow it for ever."""

CONTAIN: Mapping[ActionKind, Callable[[str], str]] = {
    ActionKind.CORDON_NODE: lambda doing: (
        f"{sentence(doing)} keeps new pods away and cures nothing: "
        "repair the node and uncordon it, or delete it."
    ),
}
"""Actions that only keep a failure from spreading, and what is left to a person after each."""

IncidentNews = DiagnosisStarted | DiagnosisReady | ActionApplied | ActionExecuted


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of the incident, and when the bus stored it."""

    event: IncidentNews
    stored_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """A person's answer."""

    event: ReviewAnswered


@dataclass(frozen=True, slots=True)
class Sighted:
    """Anomalies changed: look at them again."""


@dataclass(frozen=True, slots=True)
class Due:
    """The incident's timer ran out."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Another incident turned out to have the same cause, and goes on for both."""

    into: str


Stimulus = Heard | Answered | Sighted | Due | Merged


def opened_by(event: DiagnosisStarted | DiagnosisReady) -> Incident:
    """Return the record of an incident that was not known."""
    opened = event.opened_at if isinstance(event, DiagnosisStarted) else event.occurred_at
    return Incident(
        incident_id=event.incident_id,
        cluster_id=event.cluster_id,
        namespace=event.namespace,
        opened_at=opened,
    )


def absorbed_by(event: DiagnosisStarted, incident_id: str) -> Incident:
    """Return the record of an incident that was absorbed before anything else was heard of it."""
    return opened_by(event).model_copy(update={"incident_id": incident_id})


def absorb(
    record: Incident,
    stimulus: Stimulus,
    sightings: Sightings,
    limits: Limits,
    now: dt.datetime,
) -> Incident:
    """Take in one stimulus, and what is known of the incident's anomalies; decide nothing."""
    if record.phase is Phase.CLOSED and not isinstance(stimulus, Answered):
        return record
    match stimulus:
        case Heard(event=DiagnosisStarted() as started, stored_at=at):
            record = _with_started(record, started, at)
        case Heard(event=DiagnosisReady() as ready, stored_at=at):
            record = _with_ready(record, ready, at)
        case Heard(event=ActionApplied() as applied, stored_at=at):
            record = _with_applied(record, applied, at)
        case Heard(event=ActionExecuted() as executed, stored_at=at):
            record = _with_executed(record, executed, at, limits)
        case Answered(event=answer):
            record = with_answer(record, answer, now)
        case Due():
            record = _with_timer(record, limits, now)
        case Merged(into=into):
            record = record.model_copy(update={"merged_into": into})
        case Sighted():
            pass
    return _with_sightings(record, sightings)


def _with_started(record: Incident, event: DiagnosisStarted, at: dt.datetime) -> Incident:
    record = _with_anomalies(record, event.anomalies)
    new: dict[str, Any] = {
        "attempt": max(record.attempt, event.attempt),
        "absorbed": tuple(dict.fromkeys((*record.absorbed, *event.absorbed))),
    }
    if record.times.started is None:
        new["times"] = record.times.model_copy(update={"started": at})
    undecided = record.phase in (Phase.JUDGING, Phase.WAITING, Phase.STANDING_DOWN)
    judged = record.diagnosis.attempt if record.diagnosis else 0
    if undecided and event.attempt > judged:
        new |= {"phase": Phase.GATHERING, "wakes_at": None}
    return record.model_copy(update=new)


def _with_ready(record: Incident, event: DiagnosisReady, at: dt.datetime) -> Incident:
    record = _with_anomalies(record, event.anomalies)
    old = record.diagnosis
    if event.attempt < record.attempt or (old is not None and event.attempt <= old.attempt):
        return record
    new: dict[str, Any] = {
        "attempt": event.attempt,
        "diagnosis": event.model_copy(update={"findings": (), "hypotheses": ()}),
        "clue": clue_of(event),
        "decisions": 0,
        "verdict": None,
        "times": record.times.model_copy(update={"diagnosed": at}),
    }
    if record.phase is not Phase.ACTING:
        new |= {"phase": Phase.JUDGING, "wakes_at": None}
    return record.model_copy(update=new)


def _with_applied(record: Incident, event: ActionApplied, at: dt.datetime) -> Incident:
    flying = record.in_flight
    if event.undo or flying is None or flying.action_id != event.action_id:
        return record
    return record.model_copy(update={"times": record.times.model_copy(update={"applied": at})})


def _with_executed(
    record: Incident, event: ActionExecuted, at: dt.datetime, limits: Limits
) -> Incident:
    flying = record.in_flight
    if flying is None or flying.action_id != event.action_id:
        return record
    newer = record.diagnosis is not None and record.diagnosis.attempt > flying.attempt
    new: dict[str, Any] = {"in_flight": None, "phase": Phase.GATHERING, "wakes_at": None}
    match event.outcome:
        case Outcome.KEPT if flying.action in CONTAIN:
            # Nothing is cured by it: a person has to go on from here.
            new["times"] = record.times.model_copy(update={"verified": at})
            new |= {"phase": Phase.JUDGING, "handed_over": CONTAIN[flying.action](flying.doing)}
        case Outcome.KEPT:
            new |= {"phase": Phase.HELPED, "helped": flying.action, "follow_up": event.follow_up}
            new["times"] = record.times.model_copy(update={"verified": at})
            if record.attempt > flying.attempt and record.open_anomalies:
                new |= _joined_meanwhile(newer=newer, at=at, limits=limits)
        case Outcome.UNDONE | Outcome.NOT_HELPED:
            new["unhelpful"] = record.unhelpful + 1
            new["tried"] = (*record.tried, flying.action)
            newer = newer or record.unhelpful + 1 >= limits.unhelpful
        case Outcome.EXPIRED:
            pass
        case Outcome.REFUSED | Outcome.CONFLICT | Outcome.UNDO_CONFLICT:
            new["handed_over"] = f"{ended(flying.doing, event.outcome)}: {event.reason}"
            newer = True
    if newer and event.outcome is not Outcome.KEPT:
        new["phase"] = Phase.JUDGING
    return record.model_copy(update=new)


def _joined_meanwhile(*, newer: bool, at: dt.datetime, limits: Limits) -> dict[str, Any]:
    """Go on with what joined while the action was under way: it was not verified with it.

    It may be healed by the same action, and gets some time to show that.
    """
    if not newer:
        return {"phase": Phase.GATHERING}
    return {"phase": Phase.WAITING, "wakes_at": at + dt.timedelta(seconds=limits.aftermath)}


def _with_timer(record: Incident, limits: Limits, now: dt.datetime) -> Incident:
    if record.wakes_at is None or record.wakes_at > now:
        return record
    match record.phase:
        case Phase.WAITING | Phase.JUDGING:
            new: dict[str, Any] = {"phase": Phase.JUDGING}
        case Phase.STANDING_DOWN:
            # Kept for good: what is diagnosed again and again must not be waited for for ever.
            waited = (record.concern,) if record.concern is not None else ()
            new = {"phase": Phase.JUDGING, "awaited": (*record.awaited, *waited)}
        case Phase.ACTING if record.in_flight is not None:
            new = _overdue(record.in_flight)
        case Phase.ASKING if record.review is not None and record.asked == 1:
            asked = announcements.asked_again(record.review, limits, now)
            new = {
                "review": asked,
                "review_ids": (*record.review_ids, asked.review_id),
                "asked": 2,
                "outbox": (*record.outbox, asked),
            }
        case _:
            new = {}
    return record.model_copy(update={"wakes_at": None} | new)


def _overdue(flying: InFlight) -> dict[str, Any]:
    """Give up waiting for an action, but not the action: its end is still taken if it comes."""
    reason = f"Whether {flying.doing} was done is not known: nothing was heard of its end in time."
    return {
        "phase": Phase.JUDGING,
        "in_flight": flying.model_copy(update={"overdue": True}),
        "handed_over": reason,
    }


def _with_anomalies(record: Incident, anomalies: tuple[OpenAnomaly, ...]) -> Incident:
    ids = dict.fromkeys((*record.anomalies, *(each.anomaly_id for each in anomalies)))
    since = [each.since for each in anomalies]
    if record.times.since is not None:
        since.append(record.times.since)
    times = record.times.model_copy(update={"since": min(since, default=None)})
    return record.model_copy(update={"anomalies": tuple(ids), "times": times})


def _with_sightings(record: Incident, sightings: Sightings) -> Incident:
    mine = {key: sightings.seen[key] for key in record.anomalies if key in sightings.seen}
    gone = (key for key, each in mine.items() if each.cleared_at is not None)
    cleared = tuple(dict.fromkeys((*record.cleared, *gone)))
    dropped = set(cleared[:-CLEARED_KEPT])
    flagged = [each.flagged_at for each in mine.values() if each.flagged_at is not None]
    if record.times.flagged is not None:
        flagged.append(record.times.flagged)
    blamed = record.diagnosis.component if record.diagnosis else None
    # Another component of the same incident may only suffer: its pods are left alone.
    pods = (
        each.pod
        for key, each in mine.items()
        if key not in cleared and each.pod and blamed is not None and each.target == blamed
    )
    return record.model_copy(
        update={
            "anomalies": tuple(each for each in record.anomalies if each not in dropped),
            "cleared": cleared[-CLEARED_KEPT:],
            "pod": next(pods, None),
            "times": record.times.model_copy(update={"flagged": min(flagged, default=None)}),
        }
    )
