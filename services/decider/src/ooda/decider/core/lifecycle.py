"""The life of an incident, as a pure state machine: what came in, what is true, what goes out.

    gathering ─ready→ judging ─→ acting ─kept→ closed (resolved)
        ↑                │  ↑        ├─undone, not helped, expired→ gathering (or judging)
        └────started─────┤  │        └─refused, conflict, overdue→ judging → asking
                         ├→ waiting, standing_down ─timer→ judging
                         └→ asking
    any but acting, when all anomalies are cleared → closed (cleared; handed_over if asked)
    any but acting, when another incident has absorbed it → closed (merged)

``advance`` is ``absorb`` (take in), then ``conclude`` (judge, close). The shell stores the record
with its outbox before it publishes, so a crash in between publishes the same events again.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from ooda.common.events import (
    ActionRequest,
    DecisionMade,
    IncidentClosed,
    ReviewRequested,
    ReviewSettled,
)
from ooda.common.phrases import requested, sentence
from ooda.common.taxonomy import Closure, Settlement, Verdict
from ooda.decider.core import announcements
from ooda.decider.core.absorbing import Stimulus, absorb
from ooda.decider.core.answering import approved_in, settled, why_void
from ooda.decider.core.budgets import Budgets, Reservation
from ooda.decider.core.facts import Facts
from ooda.decider.core.limits import Limits
from ooda.decider.core.playbook import Playbook
from ooda.decider.core.policy import (
    Act,
    Case,
    History,
    Judgement,
    Review,
    StandDown,
    Wait,
    decide,
)
from ooda.decider.core.record import Incident, InFlight, Phase, Sightings


@dataclass(frozen=True, slots=True)
class World:
    """What is true around the incident; without facts nothing is judged."""

    facts: Facts | None
    budgets: Budgets
    recent_incidents: int
    playbook: Playbook
    limits: Limits
    absorbed: tuple[Incident, ...] = ()
    """The incidents that were merged into it: what was done for them was done for it."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """Count an action, before the record is stored."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class PublishDecision:
    """Say what was decided."""

    event: DecisionMade


@dataclass(frozen=True, slots=True)
class PublishReview:
    """Ask a person, or say what came of an answer."""

    event: ReviewRequested | ReviewSettled


@dataclass(frozen=True, slots=True)
class CloseIncident:
    """Say that the incident has ended."""

    event: IncidentClosed


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Come back at a time."""

    at: dt.datetime


Effect = Reserve | PublishDecision | PublishReview | CloseIncident | SetTimer


def advance(
    record: Incident, stimulus: Stimulus, sightings: Sightings, world: World, now: dt.datetime
) -> tuple[Incident, tuple[Effect, ...]]:
    """Take in one stimulus and do what follows from it. The outbox must be published before."""
    return conclude(absorb(record, stimulus, sightings, world.limits, now), world, now)


def conclude(
    record: Incident, world: World, now: dt.datetime
) -> tuple[Incident, tuple[Effect, ...]]:
    """Close the incident or judge it, if there is a reason to; return what is to be done."""
    reserved: tuple[Effect, ...] = ()
    if record.merged_into is not None and record.phase not in (Phase.ACTING, Phase.CLOSED):
        reason = f"It has the cause of incident {record.merged_into}, which goes on."
        record = _close(record, Closure.MERGED, reason, world.limits, now)
    elif record.phase is Phase.HELPED:
        record = _close(record, Closure.RESOLVED, "The action helped.", world.limits, now)
    elif record.phase not in (Phase.ACTING, Phase.CLOSED) and not record.open_anomalies:
        closure = Closure.RESOLVED if record.helped else Closure.CLEARED
        closure = Closure.HANDED_OVER if record.asked else closure
        record = _close(record, closure, "All of its anomalies are cleared.", world.limits, now)
    elif record.phase is Phase.JUDGING:
        record, reserved = _judged(record, world, now)
    return record, (*reserved, *effects_of(record))


def effects_of(record: Incident) -> tuple[Effect, ...]:
    """Return what a stored record asks for: to publish its outbox, to come back."""
    effects: list[Effect] = []
    for event in record.outbox:
        match event:
            case DecisionMade():
                effects.append(PublishDecision(event))
            case ReviewRequested() | ReviewSettled():
                effects.append(PublishReview(event))
            case IncidentClosed():
                effects.append(CloseIncident(event))
    if record.wakes_at is not None:
        effects.append(SetTimer(record.wakes_at))
    return tuple(effects)


def _judged(
    record: Incident, world: World, now: dt.datetime
) -> tuple[Incident, tuple[Effect, ...]]:
    """Judge the diagnosis; while the API server is away wait for it, then ask a person."""
    if world.facts is None:
        since = record.away_since or now
        if now - since < dt.timedelta(seconds=world.limits.away_for):
            later = now + dt.timedelta(seconds=world.limits.retry)
            return record.model_copy(update={"wakes_at": later, "away_since": since}), ()
        away = (now - since).total_seconds()
        reason = record.handed_over or f"The API server has not answered for {away:.0f} s."
        judgement: Judgement = Review(reason)
    else:
        judgement = judge(record, world, world.facts, now)
        record = record.model_copy(update={"mode": world.facts.mode})
    record = _with_consent(record, judgement, world, now)
    return record, (Reserve(judgement.reservation),) if isinstance(judgement, Act) else ()


def _with_consent(
    record: Incident, judgement: Judgement, world: World, now: dt.datetime
) -> Incident:
    """Take note of a judgement; if somebody approved what was proposed, tell them."""
    answer = record.answered if record.approved else None
    if answer is None or isinstance(judgement, Wait):
        return _decided(record, judgement, world.limits, now)
    if isinstance(judgement, Act) and judgement.approval is not None:
        record = _decided(record, judgement, world.limits, now)
        acting = f"{sentence(requested(judgement.request).doing())}."
        return settled(record, answer, (Settlement.ACTING, acting), now)
    void = why_void(record, judgement, world.facts, now)
    # What was answered is not open any more: if there still is a question it is asked anew.
    record = record.model_copy(update={"review": None})
    return settled(_decided(record, judgement, world.limits, now), answer, void, now)


def judge(record: Incident, world: World, facts: Facts, now: dt.datetime) -> Judgement:
    """Judge an incident as it is now; nothing is changed by it."""
    if record.diagnosis is None:
        return Review("There is no diagnosis.")
    past = (record, *world.absorbed)
    history = History(
        tried=frozenset(action for each in past for action in each.tried),
        unhelpful=sum(each.unhelpful for each in past),
        stood_down=any(record.concern in each.awaited for each in past),
        handed_over=next((each.handed_over for each in past if each.handed_over), None),
    )
    case = Case(
        record.diagnosis,
        history,
        len(record.open_anomalies),
        record.pod,
        world.recent_incidents,
        approved_in(record, now),
    )
    row = world.playbook[record.diagnosis.failure_class]
    return decide(case, row, facts, world.budgets, world.limits, now)


def _decided(record: Incident, judgement: Judgement, limits: Limits, now: dt.datetime) -> Incident:
    verdict = announcements.verdict_of(judgement)
    new: dict[str, Any] = {"verdict": verdict, "wakes_at": None, "away_since": None}
    # A wait that is prolonged is still the same wait: it is said once.
    if not (verdict is Verdict.WAIT and record.verdict is Verdict.WAIT):
        said = announcements.decision(record, judgement, limits, now)
        new |= {"outbox": (*record.outbox, said), "decisions": record.decisions + 1}
        new["times"] = record.times.model_copy(update={"decided": now})
    match judgement:
        case Act(request=request):
            attempt = record.diagnosis.attempt if record.diagnosis else record.attempt
            flying = InFlight(
                action_id=request.action_id,
                action=request.action,
                attempt=attempt,
                doing=requested(request).doing(),
            )
            missed = now + dt.timedelta(seconds=_longest(request, limits))
            new |= {"phase": Phase.ACTING, "in_flight": flying, "wakes_at": missed}
        case Wait(until=until):
            new |= {"phase": Phase.WAITING, "wakes_at": until}
        case StandDown(until=deadline):
            new |= {"phase": Phase.STANDING_DOWN, "wakes_at": deadline}
        case Review():
            return _asking(record.model_copy(update=new), judgement, limits, now)
    return record.model_copy(update=new)


def _longest(request: ActionRequest, limits: Limits) -> float:
    """Return the seconds from a decision to the latest end of its action, with a margin."""
    judged = request.verification
    seen = judged.deadline_seconds + judged.hold_seconds
    return limits.valid_for + seen + limits.overdue_after


def _asking(record: Incident, judgement: Review, limits: Limits, now: dt.datetime) -> Incident:
    asked = announcements.review(record, judgement, limits, now)
    old = record.review
    if record.rejected:
        return record.model_copy(update={"phase": Phase.ASKING, "wakes_at": None})
    if old is not None and _same_question(old, asked):
        wakes_at = old.expires_at if record.asked == 1 else None
        return record.model_copy(update={"phase": Phase.ASKING, "wakes_at": wakes_at})
    if asked.review_id in record.review_ids:
        # Asked about the same diagnosis, but now something else: a question of its own.
        asked = announcements.asked_anew(asked, record.decisions)
    new = {
        "phase": Phase.ASKING,
        "review": asked,
        "review_ids": (*record.review_ids, asked.review_id),
        "asked": 1,
        "wakes_at": asked.expires_at,
        "outbox": (*record.outbox, asked),
    }
    return record.model_copy(update=new)


def _same_question(old: ReviewRequested, new: ReviewRequested) -> bool:
    def matter(event: ReviewRequested) -> tuple[object, ...]:
        return event.failure_class, event.component, event.question, event.basis

    return matter(old) == matter(new)


def _close(
    record: Incident, closure: Closure, reason: str, limits: Limits, now: dt.datetime
) -> Incident:
    if record.approved and record.answered is not None:
        record = settled(record, record.answered, (Settlement.CLOSED, reason), now)
    said = announcements.closed(record, closure, reason, now)
    new = {
        "phase": Phase.CLOSED,
        "in_flight": None,
        "outbox": (*record.outbox, said),
        "wakes_at": now + dt.timedelta(seconds=limits.retention),
    }
    return record.model_copy(update=new)
