"""The two events of this service, from a record. Their ids follow from incident and attempt."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from ooda.common.events import DiagnosisReady, DiagnosisStarted, derive_id
from ooda.common.findings import Consultation, Finding
from ooda.orienter.core.fusion import Diagnosis
from ooda.orienter.core.records import Incident
from ooda.orienter.core.sentences import ready_summary, started_summary

CAUSES = 16
"""Events that are named as the cause, the newest."""

FINDINGS = 24
"""Findings that are published: more would tell a person less."""


@dataclass(frozen=True, slots=True)
class Announcer:
    """Makes events."""

    cluster_id: str

    def started(self, incident: Incident, now: dt.datetime) -> DiagnosisStarted:
        """Say that an incident is looked into."""
        return DiagnosisStarted(
            event_id=derive_id(DiagnosisStarted.subject, incident.incident_id, incident.attempt),
            summary=started_summary(incident),
            occurred_at=now,
            cluster_id=self.cluster_id,
            namespace=incident.namespace,
            incident_id=incident.incident_id,
            caused_by=tuple(each.event_id for each in incident.members)[-CAUSES:],
            attempt=incident.attempt,
            opened_at=incident.opened_at,
            anomalies=tuple(each.as_open() for each in incident.still_open),
            suspects=tuple(sorted(incident.components, key=str)),
            reason=incident.reason,
            absorbed=incident.absorbed,
        )

    def ready(
        self,
        incident: Incident,
        diagnosis: Diagnosis,
        findings: Sequence[Finding],
        now: dt.datetime,
        consultation: Consultation | None = None,
    ) -> DiagnosisReady:
        """Say what failed and why."""
        started = derive_id(DiagnosisStarted.subject, incident.incident_id, incident.attempt)
        return DiagnosisReady(
            event_id=derive_id(DiagnosisReady.subject, incident.incident_id, incident.attempt),
            summary=ready_summary(diagnosis, incident),
            occurred_at=now,
            cluster_id=self.cluster_id,
            namespace=incident.namespace,
            incident_id=incident.incident_id,
            caused_by=(started,),
            attempt=incident.attempt,
            failure_class=diagnosis.failure_class,
            component=diagnosis.component,
            confidence=diagnosis.confidence,
            margin=diagnosis.margin,
            change=diagnosis.change,
            agreeing=diagnosis.agreeing,
            contradicting=diagnosis.contradicting,
            hypotheses=diagnosis.hypotheses,
            findings=tuple(findings)[:FINDINGS],
            anomalies=tuple(each.as_open() for each in incident.still_open),
            consultation=consultation,
        )
