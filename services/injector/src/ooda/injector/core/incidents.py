"""Which of an agent's incidents belong to a run: by namespace, time and component. Pure.

The agent knows nothing of runs, and need not call a component as the scenario does. An anomaly is
of the run if it was flagged in the run's namespace after that was armed, and its target, or
something that the agent relates to it, is something that the run is about. An incident is of the
run if such an anomaly is in it, if it suspects or blames what the run is about, or if one of two
that were merged is.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    ActionApplied,
    AnomalyCleared,
    AnomalyFlagged,
    DiagnosisReady,
    DiagnosisStarted,
    Event,
    IncidentClosed,
    IncidentEvent,
)
from ooda.common.fault_runs import FaultRun
from ooda.common.plans import ObjectRef
from ooda.common.targets import EdgeTarget, PodTarget, ServiceTarget, Target, WorkloadTarget
from ooda.common.taxonomy import Closure


@dataclass(frozen=True, slots=True)
class Told:
    """An event with the time at which the bus stored it: the one clock of all measurements."""

    event: Event
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Belonging:
    """What the agent said that belongs to a run, in the order in which it was said."""

    flagged: Mapping[str, dt.datetime]
    """When each anomaly was, by id."""
    cleared: Mapping[str, dt.datetime]
    """Of these anomalies."""
    opened: Mapping[str, dt.datetime]
    """When each incident was, by id."""
    closed: Mapping[str, tuple[dt.datetime, Closure]]
    """Of these incidents; one that was merged is closed with the one that it was merged into."""
    applied: Mapping[str, dt.datetime]
    """When the first action of each of these incidents was, of those that have one."""
    waiting: frozenset[str]
    """Anomalies that are neither cleared nor in an incident that is closed."""
    unrelated: tuple[str, ...]
    """Incidents of the namespace that are about something else."""

    @property
    def open(self) -> bool:
        """Whether the agent may still do something about the run."""
        return bool(self.waiting or self.opened.keys() - self.closed.keys())


def belonging(run: FaultRun, said: Sequence[Told]) -> Belonging:
    """Return what belongs to a run; ``said`` is what was stored since it was armed."""
    here = [each for each in said if each.event.namespace in (run.namespace, None)]
    about = _About.of(run)
    flagged: dict[str, dt.datetime] = {}
    opened: dict[str, dt.datetime] = {}
    members: dict[str, set[str]] = {}
    direct: set[str] = set()
    into: dict[str, str] = {}
    ends: dict[str, tuple[dt.datetime, Closure]] = {}
    applied: dict[str, dt.datetime] = {}
    for each in here:
        match each.event:
            case AnomalyFlagged() as event if about.has((event.target, *event.related)):
                flagged.setdefault(event.anomaly_id, each.at)
            case DiagnosisStarted() | DiagnosisReady() as event:
                opened.setdefault(event.incident_id, each.at)
                inside = {anomaly.anomaly_id for anomaly in event.anomalies}
                members.setdefault(event.incident_id, set()).update(inside)
                if isinstance(event, DiagnosisStarted):
                    into |= dict.fromkeys(event.absorbed, event.incident_id)
                if inside & flagged.keys() or about.has(_blamed(event)):
                    direct.add(event.incident_id)
            case ActionApplied(undo=False) as event:
                applied.setdefault(event.incident_id, each.at)
            case IncidentClosed(merged_into=str() as other) as event:
                into[event.incident_id] = other
            case IncidentClosed() as event:
                ends[event.incident_id] = (each.at, event.closure)
    related = _joined(direct, into)
    closed = {each: ends[last] for each in related if (last := _last(each, into)) in ends}
    cleared = {
        each.event.anomaly_id: each.at
        for each in here
        if isinstance(each.event, AnomalyCleared) and each.event.anomaly_id in flagged
    }
    settled = {anomaly for each in closed for anomaly in members.get(each, ())}
    return Belonging(
        flagged=flagged,
        cleared=cleared,
        opened={each: at for each, at in opened.items() if each in related},
        closed=closed,
        applied={each: at for each, at in applied.items() if each in related},
        waiting=frozenset(flagged.keys() - cleared.keys() - settled),
        unrelated=tuple(each for each in opened if each not in related),
    )


def begun_by(said: Sequence[Told], end: dt.datetime) -> Sequence[Told]:
    """Leave out anomalies that were flagged later than that, and incidents about no earlier one."""
    flagged = {
        each.event.anomaly_id
        for each in said
        if isinstance(each.event, AnomalyFlagged) and each.at <= end
    }
    incidents = {
        each.event.incident_id
        for each in said
        if isinstance(each.event, IncidentEvent)
        and (each.at <= end or _is_about(each.event, flagged))
    }

    def began(each: Told) -> bool:
        match each.event:
            case AnomalyFlagged():
                return each.at <= end
            case IncidentEvent(incident_id=incident):
                return incident in incidents
            case _:
                return True

    return [each for each in said if began(each)]


def _is_about(event: Event, anomalies: AbstractSet[str]) -> bool:
    return isinstance(event, DiagnosisStarted | DiagnosisReady) and any(
        each.anomaly_id in anomalies for each in event.anomalies
    )


_OF_A_POD = {
    Kind.DEPLOYMENT.value: "-[a-z0-9]+-[a-z0-9]+",  # of one of its ReplicaSets
    Kind.STATEFUL_SET.value: "-[0-9]+",
    Kind.DAEMON_SET.value: "-[a-z0-9]{5}",
}
"""How the names of a workload's pods go on after its own."""


@dataclass(frozen=True, slots=True)
class _About:
    """What a run is about."""

    targets: frozenset[Target]
    workload: ObjectRef

    @classmethod
    def of(cls, run: FaultRun) -> "_About":
        found: set[Target] = {run.truth.component}
        for each in (run.workload, *(record.step.object for record in run.steps)):
            match each.kind:
                case Kind.DEPLOYMENT | Kind.STATEFUL_SET | Kind.DAEMON_SET:
                    found.add(
                        WorkloadTarget(
                            namespace=run.namespace, workload_kind=each.kind, name=each.name
                        )
                    )
                case Kind.SERVICE:
                    found.add(ServiceTarget(namespace=run.namespace, name=each.name))
                case Kind.POD:
                    found.add(PodTarget(namespace=run.namespace, name=each.name))
        return cls(frozenset(found), run.workload)

    def has(self, targets: Iterable[Target]) -> bool:
        return any(self._is(each) for each in targets)

    def _is(self, target: Target) -> bool:
        match target:
            case PodTarget(name=name) if re.fullmatch(
                rf"{re.escape(self.workload.name)}{_OF_A_POD[self.workload.kind]}", name
            ):
                return True  # whenever it was made
            case EdgeTarget(client=client, server=server):
                return self.workload.name in (client, server)
            case _:
                return target in self.targets


def _blamed(event: DiagnosisStarted | DiagnosisReady) -> Sequence[Target]:
    if isinstance(event, DiagnosisStarted):
        return event.suspects
    return () if event.component is None else (event.component,)


def _joined(direct: AbstractSet[str], into: Mapping[str, str]) -> AbstractSet[str]:
    """Return incidents with those that they were merged into, or that were merged into them."""
    ends = {_last(each, into) for each in direct}
    return direct | ends | {each for each in into if _last(each, into) in ends}


def _last(incident: str, into: Mapping[str, str]) -> str:
    seen = {incident}
    while (following := into.get(incident)) is not None and following not in seen:
        seen.add(following)
        incident = following
    return incident
