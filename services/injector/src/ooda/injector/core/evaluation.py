"""The evaluation of a run: its journal, and what was said meanwhile, become one report. Pure.

All times are by the clock of the bus. What only the injector has stamped is set to that clock by
the offset that its own announcements show.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ooda.common.events import (
    ActionApplied,
    ActionExecuted,
    ActionRequest,
    DecisionMade,
    DiagnosisReady,
    Event,
    FaultEvent,
    FaultRequested,
    IncidentEvent,
    ReviewRequested,
)
from ooda.common.fault_runs import REPAIRED_AT, FaultRun, Phase
from ooda.common.run_reports import (
    Chosen,
    ClockOffset,
    Detection,
    Diagnosed,
    Incident,
    RecoveredBy,
    RunReport,
    Stage,
    StageTime,
)
from ooda.common.taxonomy import Outcome, Verdict
from ooda.injector.core.incidents import Belonging, Told, begun_by, belonging

_STAMPED = {
    Stage.REQUESTED: "requested",
    Stage.ADMITTED: str(Phase.ADMITTED),
    Stage.ARMED: str(Phase.ARMED),
    Stage.MUTATED: "mutated",
    Stage.TEARDOWN_STARTED: str(Phase.REVERTING),
    Stage.REVERTED: str(Phase.HOLDING),
    Stage.BASELINE_RESTORED: str(Phase.RELEASING),
}
"""Under which name the journal has a stage."""

_MILLISECOND = dt.timedelta(milliseconds=1)


def evaluate(run: FaultRun, faults: Sequence[Told], said: Sequence[Told]) -> RunReport:
    """Return the report of a run, over or not.

    ``faults`` are the events of injections, ``said`` those of the loop, each in the order in which
    the bus stored them; both may be empty, and may hold what is not about this run.
    """
    offset = clock_offset(run, faults)
    times = _times(run, faults, offset)
    agent = _Agent.heard(run, said, times)
    times |= agent.times
    recovered, by = _recovery(run, agent, times, offset)
    if recovered is not None:
        times[Stage.RECOVERED] = (recovered, "injector")
    judged = agent.judged
    return RunReport(
        run_id=run.run_id,
        scenario=run.scenario,
        cluster_id=run.cluster_id,
        namespace=run.namespace,
        target=run.target,
        parameters=run.parameters,
        duration_seconds=run.duration_seconds,
        phase=run.phase,
        ending=run.ending,
        problem=run.problem,
        truth=run.truth,
        stages=_stages(times),
        probe_period_ms=run.probe_period_ms,
        realised=tuple(each.realised for each in run.steps if each.realised),
        bystanders=run.bystanders,
        clock_offset=offset,
        agent_seen=agent.seen,
        detection=Detection(
            from_injection_ms=_between(times, Stage.MUTATED, Stage.DIAGNOSIS_STARTED),
            from_effect_ms=_between(times, Stage.EFFECTIVE, Stage.DIAGNOSIS_STARTED),
        ),
        incidents=_incidents(agent.belonging),
        unrelated_incidents=agent.belonging.unrelated,
        diagnoses=agent.diagnoses,
        class_right=None if judged is None else judged.class_right,
        component_right=None if judged is None else judged.component_right,
        remediations=agent.chosen,
        remediation_right=_remediation_right(run, agent),
        recovered_by=by,
        recovery_ms=_between(
            times,
            Stage.EFFECTIVE if Stage.EFFECTIVE in times else Stage.MUTATED,
            Stage.RECOVERED,
        ),
        repaired_by_agent=run.repaired_by_agent,
    )


def heard(run: FaultRun, faults: Sequence[Told], said: Sequence[Told]) -> Belonging:
    """Return what the agent said that belongs to a run. Takes what ``evaluate`` takes."""
    return _Agent.heard(run, said, _times(run, faults, clock_offset(run, faults))).belonging


def clock_offset(run: FaultRun, faults: Sequence[Told]) -> ClockOffset | None:
    """Return how much the bus is ahead of the injector, by the announcement that took least."""
    found = [
        ClockOffset(
            ms=(each.at - (spent.sent + (spent.confirmed - spent.sent) / 2)) / _MILLISECOND,
            uncertainty_ms=(spent.confirmed - spent.sent) / _MILLISECOND / 2,
        )
        for each in faults
        if _of(run, each.event) and (spent := run.published.get(each.event.subject)) is not None
    ]
    return min(found, key=lambda each: each.uncertainty_ms, default=None)


_Times = dict[Stage, tuple[dt.datetime, str]]


def _of(run: FaultRun, event: Event) -> bool:
    return isinstance(event, FaultEvent) and event.run_id == run.run_id


def _times(run: FaultRun, faults: Sequence[Told], offset: ClockOffset | None) -> _Times:
    stamps = {**run.times}
    if str(Phase.VERIFYING) in stamps:  # a run that changed nothing waits for nobody
        stamps.setdefault(str(Phase.HOLDING), stamps[str(Phase.VERIFYING)])
    times: _Times = {
        stage: (_on_the_bus(stamps[name], offset), "injector")
        for stage, name in _STAMPED.items()
        if name in stamps
    }
    if (since := run.effective_since) is not None:
        times[Stage.EFFECTIVE] = (_on_the_bus(since, offset), "injector")
    for each in faults:
        # Only the request is said when it happens; the others are told of, some time later.
        if isinstance(each.event, FaultRequested) and each.event.event_id == run.request_id:
            times[Stage.REQUESTED] = (each.at, "bus")
    return times


def _on_the_bus(at: dt.datetime, offset: ClockOffset | None) -> dt.datetime:
    return at if offset is None else at + dt.timedelta(milliseconds=offset.ms)


@dataclass(frozen=True, slots=True)
class _Agent:
    """What the agent made of a run until it was taken back."""

    seen: bool
    belonging: Belonging
    times: _Times
    diagnoses: tuple[Diagnosed, ...]
    chosen: tuple[Chosen, ...]
    helped: bool
    """Whether an action of it was kept while the fault was there."""
    cleared: dt.datetime | None
    """When the last of its anomalies was cleared; None: not all of them were, or there was none."""

    @classmethod
    def heard(cls, run: FaultRun, said: Sequence[Told], times: _Times) -> "_Agent":
        # Not from its first change: an injector that died at it has stamped that later.
        begun = times.get(Stage.ARMED, times.get(Stage.MUTATED))
        since: Sequence[Told] = (
            [] if begun is None else [each for each in said if each.at >= begun[0]]
        )
        if (over := times.get(Stage.BASELINE_RESTORED)) is not None:
            since = begun_by(since, over[0])
        found = belonging(run, since)
        about = [
            each
            for each in since
            if isinstance(each.event, IncidentEvent) and each.event.incident_id in found.opened
        ]
        end = times.get(Stage.TEARDOWN_STARTED)
        meanwhile = [each for each in about if end is None or each.at < end[0]]
        chosen = _chosen(run, meanwhile, about)
        done = {} if found.flagged.keys() - found.cleared.keys() else found.cleared
        return cls(
            seen=any(each.event.namespace in (run.namespace, None) for each in since),
            belonging=found,
            times=_reached(found, meanwhile, end),
            diagnoses=tuple(
                _diagnosed(run, each.event, each.at)
                for each in meanwhile
                if isinstance(each.event, DiagnosisReady)
            ),
            chosen=chosen,
            helped=any(
                each.outcome is Outcome.KEPT or (each.applied_at and each.outcome is None)
                for each in chosen
            ),
            cleared=max(done.values(), default=None),
        )

    @property
    def judged(self) -> Diagnosed | None:
        """Return the diagnosis by which it chose, or its last one: it may correct itself before."""
        first = min((each.at for each in self.chosen), default=None)
        before = [each for each in self.diagnoses if first is None or each.at <= first]
        known = before or self.diagnoses
        return known[-1] if known else None


def _reached(
    found: Belonging, meanwhile: Sequence[Told], end: tuple[dt.datetime, str] | None
) -> _Times:
    """Return when the agent reached each of its stages first, before the fault was taken back."""
    flagged = min(found.flagged.values(), default=None)
    started = min(found.opened.values(), default=None)
    firsts = {
        Stage.FLAGGED: flagged,
        Stage.DIAGNOSIS_STARTED: started,
        Stage.DIAGNOSED: _first(meanwhile, DiagnosisReady),
        Stage.DECIDED: next(
            (
                each.at
                for each in meanwhile
                if isinstance(each.event, DecisionMade) and each.event.verdict is not Verdict.WAIT
            ),
            None,
        ),
        Stage.APPLIED: _first(meanwhile, ActionApplied),
    }
    return {
        stage: (at, "bus")
        for stage, at in firsts.items()
        if at is not None and (end is None or at < end[0])
    }


def _first(meanwhile: Sequence[Told], kind: type[Event]) -> dt.datetime | None:
    return next((each.at for each in meanwhile if isinstance(each.event, kind)), None)


def _diagnosed(run: FaultRun, event: DiagnosisReady, at: dt.datetime) -> Diagnosed:
    return Diagnosed(
        at=at,
        incident_id=event.incident_id,
        failure_class=event.failure_class,
        component=event.component,
        confidence=event.confidence,
        class_right=event.failure_class is run.truth.failure_class,
        component_right=event.component == run.truth.component,
    )


def _chosen(run: FaultRun, meanwhile: Sequence[Told], about: Sequence[Told]) -> tuple[Chosen, ...]:
    """Return what was chosen while the fault was there, with what became of it until the end."""
    applied: dict[str, dt.datetime] = {}
    outcomes: dict[str, Outcome] = {}
    for each in about:
        match each.event:
            case ActionApplied(action_id=action_id, undo=False):
                applied.setdefault(action_id, each.at)
            case ActionExecuted(action_id=action_id, outcome=outcome):
                outcomes[action_id] = outcome
    found: dict[str, Chosen] = {}
    for each in meanwhile:
        asked = _asked_for(each.event)
        if asked is None or not isinstance(each.event, IncidentEvent):
            continue
        request, proposed = asked
        if request.action_id in found and proposed:
            continue  # a question that is asked again
        found[request.action_id] = Chosen(
            at=each.at,
            incident_id=each.event.incident_id,
            action=request.action,
            target=request.target,
            proposed=proposed,
            applied_at=applied.get(request.action_id),
            outcome=outcomes.get(request.action_id),
            accepted=request.action in run.truth.accepted,
        )
    return tuple(found.values())


def _asked_for(event: Event) -> tuple[ActionRequest, bool] | None:
    match event:
        case DecisionMade(request=ActionRequest() as request):
            return request, False
        case ReviewRequested(proposal=ActionRequest() as proposal):
            return proposal, True
        case _:
            return None


def _remediation_right(run: FaultRun, agent: _Agent) -> bool | None:
    if not agent.diagnoses:
        return None
    if not run.truth.accepted:
        return not any(each.applied_at for each in agent.chosen)
    return bool(agent.chosen) and all(each.accepted for each in agent.chosen)


def _recovery(
    run: FaultRun, agent: _Agent, times: _Times, offset: ClockOffset | None
) -> tuple[dt.datetime | None, RecoveredBy]:
    """Return when it worked again, and who brought that about.

    The injector's own look counts more than what the agent says of it.
    """
    stamped = run.times.get("recovered", run.times.get(REPAIRED_AT))
    seen = None if stamped is None else _on_the_bus(stamped, offset)
    end = times.get(Stage.TEARDOWN_STARTED)
    if seen is None and agent.helped:
        seen = agent.cleared
    if seen is not None and (end is None or seen < end[0]):
        by = RecoveredBy.AGENT if agent.helped else RecoveredBy.OTHERS
        return seen, by
    restored = times.get(Stage.BASELINE_RESTORED)
    if restored is None:
        return None, RecoveredBy.NONE
    return seen or restored[0], RecoveredBy.EXPIRY


def _incidents(found: Belonging) -> tuple[Incident, ...]:
    incidents = []
    for each, opened_at in found.opened.items():
        closed_at, closure = found.closed.get(each, (None, None))
        incidents.append(
            Incident(incident_id=each, opened_at=opened_at, closed_at=closed_at, closure=closure)
        )
    return tuple(incidents)


def _stages(times: _Times) -> Mapping[Stage, StageTime | None]:
    zero = times.get(Stage.REQUESTED, min(times.values(), default=None))
    return {
        stage: StageTime(
            at=times[stage][0],
            ms=round((times[stage][0] - zero[0]) / _MILLISECOND),
            source="bus" if times[stage][1] == "bus" else "injector",
        )
        if stage in times and zero is not None
        else None
        for stage in Stage
    }


def _between(times: _Times, start: Stage, end: Stage) -> int | None:
    if start not in times or end not in times:
        return None
    return round((times[end][0] - times[start][0]) / _MILLISECOND)
