"""What becomes of incidents when something is heard. Pure: (what is known, event) → changes.

Every function can be given the same event again, or late: it then changes nothing.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ooda.common.events import (
    ActionExecuted,
    AnomalyCleared,
    AnomalyFlagged,
    IncidentClosed,
    derive_id,
)
from ooda.common.targets import Target, namespace_of
from ooda.common.taxonomy import Closure, FailureClass, Outcome
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.joining import belongs
from ooda.orienter.core.records import DID_NOT_HELP, Book, Incident, Member, Reason, Tried
from ooda.orienter.core.shares import shares_of
from ooda.orienter.core.weights import JoinWeights

KEPT_AFTER_END = dt.timedelta(hours=1)
"""How long an ended incident is remembered: longer than any event is delivered again."""

CLEARED_KEPT = 100
"""Cleared anomalies that a record keeps, so that one that flaps does not grow it for ever."""

REASON = 100
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class Step:
    """Records to write, in this order, and the incident to be diagnosed (again), if any."""

    changed: tuple[Incident, ...] = ()
    diagnose: str | None = None


def incident_of(book: Book, anomaly_id: str) -> Incident | None:
    """Return the incident that knows an anomaly; of merged ones the one that goes on."""
    knowing = [
        incident
        for incident in book.values()
        if any(member.anomaly_id == anomaly_id for member in incident.members)
    ]
    return min(knowing, key=lambda each: each.state == "merged", default=None)


def flagged(
    book: Book, event: AnomalyFlagged, graph: Graph, weights: JoinWeights, now: dt.datetime
) -> Step:
    """Open an incident, or extend one, and merge those that the anomaly shows to be one."""
    known = incident_of(book, event.anomaly_id)
    if known is not None:
        waits = known.state == "open" and known.pending
        return Step(diagnose=known.incident_id if waits else None)
    member = _member(event, graph)
    joined = sorted(
        (
            incident
            for incident in book.values()
            if incident.state == "open" and belongs(member, incident, graph, weights)
        ),
        key=lambda each: (each.opened_at, each.incident_id),
    )
    if not joined:
        opened = Incident(
            incident_id=derive_id("incident", event.anomaly_id),
            namespace=namespace_of(event.target),
            opened_at=now,
            changed_at=now,
            members=(member,),
        )
        return Step((opened,), opened.incident_id)
    return _absorb(joined[0], joined[1:], (member,), now)


def cleared(book: Book, event: AnomalyCleared, now: dt.datetime) -> Step:
    """Mark an anomaly as cleared; one that was not flagged yet is remembered as gone.

    If it was the last one that was open, a diagnosis that is due is due no longer. An incident that
    was never diagnosed then ends: the decider closes it too, if it has heard of it at all. Of any
    other an action may be in flight, and the decider says when it ends.
    """
    known = incident_of(book, event.anomaly_id)
    if known is None:
        return Step((_gone(event, now),))
    members = tuple(
        member.model_copy(update={"cleared": True})
        if member.anomaly_id == event.anomaly_id
        else member
        for member in known.members
    )
    if members == known.members:
        return Step()
    known = known.model_copy(update={"members": members, "changed_at": now})
    if known.state == "open" and not known.still_open:
        state = "closed" if known.diagnosed is None else "open"
        known = known.model_copy(update={"state": state, "pending": False})
    return Step((known,))


def executed(book: Book, event: ActionExecuted, now: dt.datetime) -> Step:
    """Diagnose again what an action did not cure, with that as evidence.

    If nothing is open any more the decider closes the incident: there is nothing to look into.
    """
    incident = _going_on(book, event.incident_id)
    if incident is None or incident.state != "open":
        return Step()
    if any(tried.action_id == event.action_id for tried in incident.tried):
        return Step(diagnose=incident.incident_id if incident.pending else None)
    reason = _reason(event.outcome, incident)
    if reason is None:
        return Step()
    tried = Tried(
        action_id=event.action_id,
        outcome=event.outcome,
        failure_class=incident.diagnosed,
        component=incident.component,
    )
    return Step(
        (_next_attempt(incident, reason, now, tried=(*incident.tried, tried)),),
        incident.incident_id,
    )


def closed(book: Book, event: IncidentClosed, now: dt.datetime) -> Step:
    """Close the record; its anomalies stay known, so that none opens an incident again."""
    incident = book.get(event.incident_id)
    if incident is None or incident.state != "open":
        return Step()
    state = "merged" if event.closure is Closure.MERGED else "closed"
    update = {"state": state, "pending": False, "changed_at": now}
    return Step((incident.model_copy(update=update | {"merged_into": event.merged_into}),))


def due(incident: Incident) -> bool:
    """Tell whether its newest attempt is to be told, and still about something."""
    return incident.state == "open" and incident.pending and bool(incident.still_open)


def sighted(book: Book, sees: Callable[[str | None], bool], now: dt.datetime) -> tuple[Step, ...]:
    """Diagnose again what was diagnosed blind, where the observer sees again.

    One whose diagnosis is due is only said again: that may have failed the last time.
    """
    return tuple(
        Step((), each.incident_id)
        if each.pending
        else Step((_next_attempt(each, "sighted", now),), each.incident_id)
        for each in book.values()
        if each.state == "open" and each.blind and each.still_open and sees(each.namespace)
    )


def diagnosed(
    incident: Incident,
    failure_class: FailureClass,
    component: Target | None,
    now: dt.datetime,
    *,
    blind: bool = False,
    cause: str | None = None,
) -> Incident:
    """Return the record after its diagnosis was published."""
    return incident.model_copy(
        update={
            "pending": False,
            "diagnosed": failure_class,
            "component": component,
            "cause": cause,
            "blind": blind,
            "changed_at": now,
        }
    )


def same_cause(
    book: Book,
    incident: Incident,
    component: Target | None,
    now: dt.datetime,
    cause: str | None = None,
) -> Step:
    """Merge incidents of which one was found to be caused by the component of another.

    A log may name a dependency that no call edge is known to, so that only the diagnosis shows it.
    The same holds for two that blame one thing that others share, such as a ConfigMap.
    """
    its_own = component is None or component in incident.components
    others = [
        other
        for other in book.values()
        if other.state == "open"
        and other.incident_id != incident.incident_id
        and (
            (not its_own and component in other.components)
            or (cause is not None and cause == other.cause)
        )
    ]
    if not others:
        return Step()
    first, *rest = sorted([incident, *others], key=lambda each: (each.opened_at, each.incident_id))
    return _absorb(first, rest, (), now)


def forgettable(book: Book, now: dt.datetime) -> tuple[str, ...]:
    """Return the ended incidents that need not be remembered any longer."""
    return tuple(
        incident.incident_id
        for incident in book.values()
        if incident.state != "open" and now - incident.changed_at > KEPT_AFTER_END
    )


def _absorb(
    first: Incident, rest: Sequence[Incident], new: tuple[Member, ...], now: dt.datetime
) -> Step:
    members = {member.anomaly_id: member for each in (first, *rest) for member in each.members}
    members |= {member.anomaly_id: member for member in new}
    ids = (incident for each in rest for incident in (each.incident_id, *each.absorbed))
    survivor = _next_attempt(
        first,
        "extended",
        now,
        members=_bounded(tuple(members.values())),
        absorbed=(*first.absorbed, *ids),
        tried=(*first.tried, *(tried for each in rest for tried in each.tried)),
    )
    merged = tuple(
        each.model_copy(
            update={
                "state": "merged",
                "merged_into": first.incident_id,
                "pending": False,
                "changed_at": now,
            }
        )
        for each in rest
    )
    # The survivor first: if the next write fails, the event comes again and finds it extended,
    # and two open incidents are better than an anomaly that is in none.
    return Step((survivor, *merged), first.incident_id)


def _next_attempt(
    incident: Incident, reason: Reason, now: dt.datetime, **update: object
) -> Incident:
    """Return the record with one more attempt to come."""
    update |= {"attempt": incident.attempt + 1, "reason": reason, "pending": True}
    return incident.model_copy(update=update | {"changed_at": now})


def _going_on(book: Book, incident_id: str) -> Incident | None:
    """Return an incident, or the one it was merged into: its action may have been under way."""
    incident = book.get(incident_id)
    for _ in book:
        if incident is None or incident.state != "merged":
            break
        incident = book.get(incident.merged_into or "")
    return incident


def _bounded(members: Sequence[Member]) -> tuple[Member, ...]:
    """Keep all that is open and the newest of the rest: a record has to fit into a message."""
    gone = [each for each in members if each.cleared]
    dropped = {each.anomaly_id for each in gone[: max(0, len(gone) - CLEARED_KEPT)]}
    return tuple(each for each in members if each.anomaly_id not in dropped)


def _reason(outcome: Outcome, incident: Incident) -> Reason | None:
    if not incident.still_open:
        return None
    if outcome in DID_NOT_HELP:
        return "not_helped"
    return "expired" if outcome is Outcome.EXPIRED else None


def _member(event: AnomalyFlagged, graph: Graph) -> Member:
    return Member(
        anomaly_id=event.anomaly_id,
        event_id=event.event_id,
        signal=event.signal,
        target=event.target,
        component=graph.component(event.target),
        since=event.since,
        pod=event.pod,
        node=event.node,
        related=event.related,
        reason=event.observed.get("reason", "")[:REASON],
        shares=shares_of(event),
    )


def _gone(event: AnomalyCleared, now: dt.datetime) -> Incident:
    member = Member(
        anomaly_id=event.anomaly_id,
        event_id=event.event_id,
        signal=event.signal,
        target=event.target,
        component=event.target,
        since=event.since,
        cleared=True,
    )
    return Incident(
        incident_id=derive_id("incident", event.anomaly_id),
        namespace=namespace_of(event.target),
        state="closed",
        opened_at=now,
        changed_at=now,
        pending=False,
        members=(member,),
    )
