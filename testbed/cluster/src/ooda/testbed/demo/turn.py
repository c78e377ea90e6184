"""One turn of the loop, as it is heard on the bus and seen at the API server. Pure."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ooda.common.events import (
    ActionApplied,
    AnomalyFlagged,
    DiagnosisReady,
    DiagnosisStarted,
    Event,
    IncidentClosed,
    IncidentEvent,
    ReviewRequested,
)
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import Closure

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """What is known of one fault so far: when each stage was reached first."""

    workload: WorkloadTarget
    before: Object
    """The Deployment as it was before it was broken."""
    broken: dt.datetime
    anomalies: frozenset[str] = frozenset()
    incidents: tuple[str, ...] = ()
    flagged: dt.datetime | None = None
    diagnosed: dt.datetime | None = None
    applied: dt.datetime | None = None
    healthy: dt.datetime | None = None
    closure: Closure | None = None
    asked: str | None = None
    """Why a person was asked instead."""
    question: str | None = None
    """The id of what was asked."""
    approved: bool = False

    @property
    def healed(self) -> bool:
        """Whether the agent repaired it and it is well."""
        return self.healthy is not None and self.closure is Closure.RESOLVED

    @property
    def over(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.healed or self.asked is not None

    def heard(self, event: Event) -> "Turn":
        """Go on by one event; those of other incidents change nothing."""
        match event:
            case AnomalyFlagged() if self.workload in (event.target, *event.related):
                return replace(
                    self,
                    anomalies=self.anomalies | {event.anomaly_id},
                    flagged=self.flagged or event.occurred_at,
                )
            case DiagnosisStarted() if self._is_about_us(event):
                others = tuple(each for each in self.incidents if each != event.incident_id)
                return replace(self, incidents=(*others, event.incident_id))
            case IncidentEvent() if event.incident_id in self.incidents:
                return self._reached(event)
            case _:
                return self

    def answered(self) -> "Turn":
        """Go on by a person's approval."""
        return replace(self, asked=None, approved=True)

    def seen(self, deployment: Object, now: dt.datetime) -> "Turn":
        """Go on by one state of the Deployment."""
        if self.healthy is None and ready_again(deployment, self.before):
            return replace(self, healthy=now)
        return self

    def _is_about_us(self, event: DiagnosisStarted) -> bool:
        return bool(self.anomalies & {each.anomaly_id for each in event.anomalies})

    def _reached(self, event: IncidentEvent) -> "Turn":
        match event:
            case DiagnosisReady():
                return replace(self, diagnosed=self.diagnosed or event.occurred_at)
            case ActionApplied(undo=False):
                return replace(self, applied=self.applied or event.occurred_at)
            case ReviewRequested():
                return replace(self, asked=event.reason, question=event.review_id)
            case IncidentClosed():
                return replace(self, closure=event.closure)
            case _:
                return self


def ready_again(deployment: Object, before: Object) -> bool:
    """Whether a Deployment that was broken and repaired has all of its pods, by the API server.

    Breaking counts its generation up once, repairing at least once more.
    """
    generation = deployment["metadata"]["generation"]
    replicas = before["spec"]["replicas"]
    status = deployment.get("status", {})
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return bool(
        generation >= before["metadata"]["generation"] + 2
        and deployment["spec"]["replicas"] == replicas
        and status.get("observedGeneration") == generation
        and all(status.get(count, 0) == replicas for count in counts)
    )
