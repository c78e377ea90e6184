"""One incident at a time, as it is told on the bus: which event is to come next, and by when."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from e2e.live.bus import Ear
from ooda.common.events import (
    ActionApplied,
    ActionExecuted,
    ActionStarted,
    AnomalyFlagged,
    DecisionMade,
    DiagnosisReady,
    DiagnosisStarted,
    IncidentClosed,
    IncidentEvent,
    ReviewRequested,
    TelemetrySnapshot,
)
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import Signal

E = TypeVar("E", bound=IncidentEvent)

# What a person who watches would still call prompt, in seconds; a start may pull an image.
FLAG_GATE = 10.0
START_GATE = 30.0
DIAGNOSIS_GATE = 10.0
ACTION_GATE = 3.0

CLOSING_SECONDS = 90.0
"""Until an incident is closed whose action helped: pods start, and it has to hold for 20 s."""


@dataclass(frozen=True)
class Incident:
    """An incident of the loop, from the first anomaly on."""

    ear: Ear
    began: int
    flag: AnomalyFlagged
    incident_id: str

    def next(
        self, kind: type[E], seconds: float, matching: Callable[[E], bool] = lambda _: True
    ) -> E:
        """Wait for the incident's first event of a kind."""
        return self.ear.wait(
            lambda: next((each for each in self.told(kind) if matching(each)), None),
            f"{kind.subject} of incident {self.incident_id}",
            seconds,
        )

    def told(self, kind: type[E]) -> list[E]:
        """Return what was said of it so far."""
        found = self.ear.after(self.began, kind)
        return [each for each in found if each.incident_id == self.incident_id]

    def closed(self, seconds: float = CLOSING_SECONDS) -> IncidentClosed:
        """Wait for its end."""
        return self.next(IncidentClosed, seconds)

    def timings(self) -> str:
        """Hold its stages against the gates, and return them for people.

        The effect is where the cluster says that it began, in whole seconds. Of a container that
        never ran that is the kubelet's first Event of it: how long a pull tries is not ours.
        """
        started = self.next(DiagnosisStarted, 0)
        ready = self.next(DiagnosisReady, 0)
        stages = [
            ("effect to flagged", self.flag.since, self.flag.occurred_at, FLAG_GATE),
            ("flagged to started", self.flag.occurred_at, started.occurred_at, START_GATE),
            ("started to diagnosed", started.occurred_at, ready.occurred_at, DIAGNOSIS_GATE),
        ]
        stages += [
            ("diagnosed to applied", ready.occurred_at, applied.occurred_at, ACTION_GATE)
            for applied in self.told(ActionApplied)[:1]
        ]
        for name, earlier, later, gate in stages:
            assert (later - earlier).total_seconds() <= gate, f"{name}: more than {gate:g} s"
        return ", ".join(f"{name} {_seconds(a, b)}" for name, a, b, _ in stages)


def _seconds(earlier: dt.datetime, later: dt.datetime) -> str:
    return f"{(later - earlier).total_seconds():.1f} s"


@dataclass(frozen=True)
class Scene:
    """What is heard of one namespace from a moment on."""

    ear: Ear
    namespace: str
    began: int

    def incident(
        self, kind: str, name: str, signal: Signal, seconds: float = START_GATE
    ) -> Incident:
        """Wait until a workload is flagged and the incident of it is opened."""
        target = WorkloadTarget(namespace=self.namespace, workload_kind=kind, name=name)
        return self._incident(
            lambda each: (each.target, each.signal) == (target, signal),
            f"{signal} of {target}",
            seconds,
        )

    def first_incident(self, seconds: float = START_GATE) -> Incident:
        """Wait until anything is flagged and the incident of it is opened."""
        return self._incident(lambda _: True, "any anomaly", seconds)

    def _incident(
        self, matching: Callable[[AnomalyFlagged], bool], what: str, seconds: float
    ) -> Incident:
        flag = self.ear.wait(
            lambda: next((each for each in self.flags() if matching(each)), None), what, seconds
        )
        started = self.ear.wait(
            lambda: next((each for each in self._started() if _is_about(each, flag)), None),
            f"an incident of {flag.summary}",
            DIAGNOSIS_GATE,
        )
        return Incident(self.ear, self.began, flag, started.incident_id)

    def flags(self) -> list[AnomalyFlagged]:
        """Return what was flagged so far."""
        found = self.ear.after(self.began, AnomalyFlagged)
        return [each for each in found if each.namespace == self.namespace]

    def actions(self) -> list[str]:
        """Return what was begun, written or decided to be done."""
        acts = [
            *self.ear.after(self.began, ActionStarted),
            *self.ear.after(self.began, ActionApplied),
            *(each for each in self.ear.after(self.began, ActionExecuted) if each.wrote),
        ]
        return [each.summary for each in acts]

    def quiet(self, seconds: float = 60.0, snapshots: int = 1) -> None:
        """Wait until the observer, seeing all, says in so many snapshots that nothing is wrong."""
        since = self.ear.now()

        def calm() -> bool | None:
            told = [
                each
                for each in self.ear.after(since, TelemetrySnapshot)
                if each.namespace == self.namespace
            ][-snapshots:]
            blind = any(each.stale for snapshot in told for each in snapshot.freshness)
            wrong = any(snapshot.anomalies for snapshot in told)
            return (len(told) == snapshots and not blind and not wrong) or None

        self.ear.wait(calm, f"{snapshots} snapshots without an anomaly", seconds)

    def _started(self) -> list[DiagnosisStarted]:
        return self.ear.after(self.began, DiagnosisStarted)


def _is_about(started: DiagnosisStarted, flag: AnomalyFlagged) -> bool:
    return any(each.anomaly_id == flag.anomaly_id for each in started.anomalies)


def asked(incident: Incident) -> ReviewRequested:
    """Wait until a person is asked."""
    return incident.next(ReviewRequested, DIAGNOSIS_GATE)


def decided(incident: Incident) -> DecisionMade:
    """Wait for the first decision."""
    return incident.next(DecisionMade, DIAGNOSIS_GATE)
