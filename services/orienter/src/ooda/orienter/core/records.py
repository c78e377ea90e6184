"""What is remembered of an incident, in the bucket ``incidents`` under its id."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ooda.common.events import Moment, OpenAnomaly
from ooda.common.targets import Target
from ooda.common.taxonomy import FailureClass, Outcome, Signal

DID_NOT_HELP = frozenset({Outcome.UNDONE, Outcome.NOT_HELPED})
"""Ends of an action that was carried out and cured nothing."""

Reason = Literal["opened", "extended", "not_helped", "expired", "sighted"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Member(_Part):
    """One anomaly of an incident, as it was flagged."""

    anomaly_id: str
    event_id: str
    signal: Signal
    target: Target
    component: Target
    """What it was counted to when it joined."""
    since: Moment
    pod: str | None = None
    node: str | None = None
    related: tuple[Target, ...] = ()
    reason: str = ""
    """Why, in the cluster's word for it, such as ``NotReady``; empty if there is none."""
    shares: tuple[str, ...] = ()
    """What others depend on too and the cluster says is amiss: a ConfigMap, a quota."""
    cleared: bool = False

    def as_open(self) -> OpenAnomaly:
        """Return it as events name it."""
        return OpenAnomaly(
            anomaly_id=self.anomaly_id, signal=self.signal, target=self.target, since=self.since
        )


class Tried(_Part):
    """An action that ended, by which the next diagnosis is wiser."""

    action_id: str
    outcome: Outcome
    failure_class: FailureClass | None
    component: Target | None


class Incident(_Part):
    """One incident: its anomalies, its attempts at a diagnosis, what was tried."""

    incident_id: str
    namespace: str | None
    state: Literal["open", "closed", "merged"] = "open"
    opened_at: Moment
    changed_at: Moment
    attempt: int = 1
    reason: Reason = "opened"
    pending: bool = True
    """Whether the diagnosis of the newest attempt is not published yet."""
    members: tuple[Member, ...]
    tried: tuple[Tried, ...] = ()
    absorbed: tuple[str, ...] = ()
    merged_into: str | None = None
    diagnosed: FailureClass | None = None
    blind: bool = False
    """Whether the last diagnosis was made without seeing anything."""
    component: Target | None = None
    cause: str | None = None
    """What the last diagnosis blames that other components share, such as a ConfigMap."""

    @property
    def onset(self) -> Moment:
        """Return when its first anomaly began."""
        return min(member.since for member in self.members)

    @property
    def still_open(self) -> tuple[Member, ...]:
        """Return the anomalies that were not cleared."""
        return tuple(member for member in self.members if not member.cleared)

    @property
    def components(self) -> frozenset[Target]:
        """Return what its anomalies were counted to."""
        return frozenset(member.component for member in self.members)


Book = Mapping[str, Incident]
"""Every incident that is remembered, by its id."""
