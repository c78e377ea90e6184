"""The events of a run, as its journal has it; told once more, they are the same. Pure.

So the end of a run is told by the injector although the reaper brought it about.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from ooda.common.events import (
    SUMMARY_LIMIT,
    FaultArmed,
    FaultCleared,
    FaultEffective,
    FaultEvent,
    FaultRefused,
    FaultRequested,
    FaultTeardownFailed,
    derive_id,
)
from ooda.common.fault_runs import Ending, FaultRun, Phase
from ooda.common.phrases import shortened
from ooda.injector.core.fence import Refusal


def refused(asked: FaultRequested, refusal: Refusal, now: dt.datetime) -> FaultRefused:
    """Return what is said of a request that the fence refused."""
    return FaultRefused(
        event_id=derive_id(FaultRefused.subject, asked.event_id),
        summary=shortened(f"Refused {asked.scenario}: {refusal.reason}", SUMMARY_LIMIT),
        occurred_at=now,
        cluster_id=asked.cluster_id,
        namespace=asked.namespace,
        caused_by=(asked.event_id,),
        run_id=asked.run_id,
        scenario=asked.scenario,
        target=asked.target,
        code=refusal.code,
        reason=refusal.reason,
    )


def due(run: FaultRun) -> Sequence[FaultEvent]:
    """Return the events of a run that were not published yet, in order."""
    return [each for each in _events(run) if each.subject not in run.told]


def _events(run: FaultRun) -> Sequence[FaultEvent]:
    what = f"{run.scenario} on {run.namespace}/{run.target}"
    armed = run.times.get(str(Phase.ARMED))
    found: list[FaultEvent] = []
    if armed is not None and run.expires_at is not None:
        until = f"{run.expires_at:%H:%M:%S}"
        summary = f"Armed {what} until {until}."
        found.append(
            FaultArmed(**_head(run, armed, summary, FaultArmed), expires_at=run.expires_at)
        )
    since = run.effective_since
    if since is not None:
        head = _head(run, since, f"{what} bites since {since:%H:%M:%S}.", FaultEffective)
        found.append(
            FaultEffective(
                **head,
                failing_since=since,
                probe_period_ms=run.probe_period_ms,
                failure_class=run.truth.failure_class,
                component=run.truth.component,
            )
        )
    if run.phase is Phase.ENDED and armed is None:
        summary, at = f"Refused {what}: {run.problem or run.ending}", run.times[str(Phase.ENDED)]
        head = _head(run, at, summary, FaultRefused)
        code, reason = str(run.ending), run.problem or f"The run is {run.ending}."
        found.append(FaultRefused(**head, code=code, reason=reason))
    elif run.phase is Phase.ENDED:
        hit = f" Hit as well: {', '.join(sorted(run.bystanders))}." if run.bystanders else ""
        summary = f"Cleared {what}: {_why_cleared(run)}; the baseline is back.{hit}"
        head = _head(run, run.times[str(Phase.ENDED)], summary, FaultCleared)
        ending = str(run.ending or "")
        found.append(
            FaultCleared(
                **head,
                repaired_by_agent=run.repaired_by_agent,
                ending=ending,
                bystanders=tuple(sorted(run.bystanders)),
            )
        )
    elif run.phase is Phase.TEARDOWN_FAILED:
        summary = f"Teardown of {what} failed, the namespace is quarantined: {run.problem}"
        head = _head(run, run.times[str(run.phase)], summary, FaultTeardownFailed)
        found.append(FaultTeardownFailed(**head, reason=run.problem))
    return found


def _why_cleared(run: FaultRun) -> str:
    if run.ending is Ending.NO_EFFECT:
        return run.problem.rstrip(".")
    if run.repaired_by_agent:
        return "the agent had repaired it"
    if run.repaired:
        return "it had been repaired"
    if run.problem:
        return f"it ended as {run.ending} ({run.problem.rstrip('.')})"
    return "it is well again" if run.ending is Ending.REPAIRED else f"it is {run.ending}"


def _head(run: FaultRun, at: dt.datetime, summary: str, event: type[FaultEvent]) -> dict[str, Any]:
    return {
        "event_id": derive_id(event.subject, run.run_id),
        "summary": shortened(summary, SUMMARY_LIMIT),
        "occurred_at": at,
        "cluster_id": run.cluster_id,
        "namespace": run.namespace,
        "caused_by": (run.request_id,),
        "run_id": run.run_id,
        "scenario": run.scenario,
        "target": run.target,
    }
