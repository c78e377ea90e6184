"""What the agent says of an object, where people look at the object: Kubernetes Events. Pure.

They are for people with kubectl and carry nothing that is not on the bus. Nothing of the agent
reads them: ``is_ours`` tells them from what kubelet, scheduler and controllers say.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ooda.common.events import ActionExecuted, DecisionMade, Event, ReviewRequested
from ooda.common.phrases import shortened
from ooda.common.targets import Target
from ooda.common.taxonomy import Outcome, Verdict

REPORTER = "ooda.dev/"
"""How ``reportingController`` begins in all of ours."""

NOTE_LIMIT = 1024
"""Bytes of a note that the API server takes (``events.k8s.io/v1``)."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say of one object."""

    about: Target
    reason: str
    """One word, which tells the kinds of remark apart."""
    note: str
    cause: str
    """Event id of what is told: the same one again is the same remark."""
    warning: bool = False


def remark_of(event: Event) -> Remark | None:
    """Return what is said of an object because of an event, None if nothing is."""
    match event:
        case DecisionMade(verdict=Verdict.ACT, request=request) if request is not None:
            return Remark(request.target, "RemediationDecided", event.summary, event.event_id)
        case ReviewRequested(component=component) if component is not None:
            about = event.proposal.target if event.proposal else component
            note = f"{event.question} {event.reason} {how_to_answer(event)}"
            return Remark(about, "ReviewRequested", note, event.event_id, warning=True)
        case ActionExecuted(target=target) if target is not None:
            warning = event.outcome is not Outcome.KEPT
            return Remark(target, "RemediationEnded", event.summary, event.event_id, warning)
        case _:
            return None


def how_to_answer(asked: ReviewRequested) -> str:
    """Return the commands for whoever is asked."""
    short = asked.review_id[:8]
    if asked.proposal is None or asked.basis is None:
        return f"See: ooda review show {short}"
    return f"To answer: ooda review approve {short}, or: ooda review reject {short}"


def body_of(
    remark: Remark, live: Mapping[str, Any], reporter: str, instance: str, now: dt.datetime
) -> dict[str, Any]:
    """Return the Event about an object as it was just read; its name comes from the cause."""
    metadata = live["metadata"]
    digest = hashlib.sha256(remark.cause.encode()).hexdigest()[:16]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name'][:200]}.{digest}",
            "namespace": metadata["namespace"],
        },
        "eventTime": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "reportingController": f"{REPORTER}{reporter}",
        "reportingInstance": shortened(instance, 128),
        "action": remark.reason,
        "reason": remark.reason,
        "type": "Warning" if remark.warning else "Normal",
        "note": _within(remark.note),
        "regarding": {
            "apiVersion": live["apiVersion"],
            "kind": live["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
    }


def is_ours(event: Mapping[str, Any]) -> bool:
    """Tell whether an Event of the API server was written by the agent."""
    reporter = event.get("reportingController") or event.get("reportingComponent")
    return isinstance(reporter, str) and reporter.startswith(REPORTER)


def _within(note: str) -> str:
    if len(note.encode()) <= NOTE_LIMIT:
        return note
    return note.encode()[: NOTE_LIMIT - 3].decode(errors="ignore") + "…"
