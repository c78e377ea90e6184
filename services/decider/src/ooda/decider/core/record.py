"""What the decider remembers, in its bucket: incidents, anomalies that were seen, budgets. Pure."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ooda.common.events import (
    AnomalyCleared,
    AnomalyFlagged,
    DecisionMade,
    DiagnosisReady,
    IncidentClosed,
    Moment,
    ReviewAnswered,
    ReviewRequested,
    ReviewSettled,
    StageTimes,
)
from ooda.common.targets import Target
from ooda.common.taxonomy import ActionKind, FailureClass, Mode, Verdict
from ooda.decider.core.budgets import Budgets

BUDGETS_KEY = "budgets"
SIGHTINGS_KEY = "sightings"
SIGHTINGS_KEPT = 2000
"""Anomalies that are remembered at most: some 200 to 400 bytes each, in one message of 1 MiB."""


class Phase(StrEnum):
    """Where an incident is."""

    GATHERING = "gathering"
    """Waits for a diagnosis."""
    JUDGING = "judging"
    """Has a diagnosis that is to be judged as soon as the cluster can be read."""
    WAITING = "waiting"
    STANDING_DOWN = "standing_down"
    ACTING = "acting"
    """An action is in flight: nothing else is decided until it has ended or is overdue."""
    HELPED = "helped"
    ASKING = "asking"
    CLOSED = "closed"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Sighting(_Part):
    """What is known of one anomaly, whichever of its events came first."""

    since: Moment
    flagged_at: Moment | None = None
    cleared_at: Moment | None = None
    target: Target | None = None
    pod: str | None = None


class Sightings(_Part):
    """All anomalies of late. One that was cleared is kept, so that a late event cannot open it."""

    kind: Literal["sightings"] = "sightings"
    seen: Mapping[str, Sighting] = {}

    def add(self, event: AnomalyFlagged | AnomalyCleared, stored_at: dt.datetime) -> "Sightings":
        """Add what an event says; the same event twice changes nothing."""
        old = self.seen.get(event.anomaly_id, Sighting(since=event.since))
        match event:
            case AnomalyFlagged():
                new = {
                    "flagged_at": old.flagged_at or stored_at,
                    "target": event.target,
                    "pod": old.pod or event.pod,
                }
            case AnomalyCleared():
                new = {"cleared_at": old.cleared_at or stored_at}
        return Sightings(seen={**self.seen, event.anomaly_id: old.model_copy(update=new)})

    def prune(self, before: dt.datetime) -> "Sightings":
        """Forget what was cleared before a time; and of too many the oldest, cleared ones first."""
        kept = {
            key: each
            for key, each in self.seen.items()
            if each.cleared_at is None or each.cleared_at > before
        }
        by_worth = sorted(kept, key=lambda key: (kept[key].cleared_at is None, kept[key].since))
        for key in by_worth[: max(0, len(kept) - SIGHTINGS_KEPT)]:
            del kept[key]
        return Sightings(seen=kept)


class InFlight(_Part):
    """The action that was decided and has not ended."""

    action_id: str
    action: ActionKind
    attempt: int
    doing: str = "the action"
    """What a person reads of it, such as ``rolling back Deployment catalog``."""
    overdue: bool = False
    """Whether its end was missed and a person was asked; it may have been carried out."""


class Awaited(_Part):
    """What was expected to mend itself: one failure class of one component."""

    failure_class: FailureClass
    component: Target | None


class Incident(_Part):
    """One incident. ``outbox`` is published after the record is stored, and again after a crash."""

    kind: Literal["incident"] = "incident"
    incident_id: str
    cluster_id: str
    namespace: str | None
    opened_at: Moment
    phase: Phase = Phase.GATHERING
    attempt: int = 0
    """The newest one heard of."""
    diagnosis: DiagnosisReady | None = None
    """The newest one, without its findings."""
    clue: str = ""
    """A sentence with what the cluster says of it, for a person."""
    anomalies: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    pod: str | None = None
    """One of the blamed component that shows the failure now."""
    in_flight: InFlight | None = None
    tried: tuple[ActionKind, ...] = ()
    helped: ActionKind | None = None
    """The action that helped."""
    follow_up: str = ""
    """What it leaves to a person, as the actor says it."""
    unhelpful: int = 0
    awaited: tuple[Awaited, ...] = ()
    """What was stood down for until the deadline, and did not mend itself."""
    handed_over: str | None = None
    merged_into: str | None = None
    """The incident that has the same cause and goes on; this one ends when its action has."""
    absorbed: tuple[str, ...] = ()
    """The incidents that were merged into this one, as far as that was seen to."""
    verdict: Verdict | None = None
    """The last one on this diagnosis."""
    decisions: int = 0
    """How many were published on this diagnosis."""
    mode: Mode = Mode.PROPOSE
    review: ReviewRequested | None = None
    review_ids: tuple[str, ...] = ()
    """All that were asked: an answer to any of them belongs here."""
    asked: int = 0
    """How often the review was asked: 1 or, after it expired, 2."""
    heard: tuple[str, ...] = ()
    """Event ids of the answers that were taken in."""
    answered: ReviewAnswered | None = None
    """The last one that counted."""
    approved: bool = False
    """Whether that one approves, and waits to be judged."""
    rejected: bool = False
    """Whether a person said no: nobody is asked again."""
    wakes_at: Moment | None = None
    away_since: Moment | None = None
    """Since when the diagnosis waits for the API server."""
    times: StageTimes = StageTimes()
    outbox: tuple[DecisionMade | ReviewRequested | ReviewSettled | IncidentClosed, ...] = ()

    @property
    def concern(self) -> Awaited | None:
        """Return what the newest diagnosis blames."""
        found = self.diagnosis
        if found is None:
            return None
        return Awaited(failure_class=found.failure_class, component=found.component)

    @property
    def open_anomalies(self) -> tuple[str, ...]:
        """Return the ids of its anomalies that are not cleared."""
        return tuple(each for each in self.anomalies if each not in self.cleared)


class Entry(_Part):
    """What one key of the bucket holds."""

    content: Annotated[Incident | Sightings | Budgets, Field(discriminator="kind")]
