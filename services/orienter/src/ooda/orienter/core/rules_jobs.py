"""What the state of a Job and its pods says, and of a pod that nothing else owns. Pure.

Nobody expects such pods to be ready, and a Job's may fail as often as its owner allowed.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from ooda.common.masking import mask
from ooda.orienter.core.findings import Seen
from ooda.orienter.core.objects import Object, Pod, items, mapping, metadata, moment, number, text
from ooda.orienter.core.rules_state import container_signs, line
from ooda.orienter.core.signs import Sign

_LATE = "DeadlineExceeded"
"""The reason with which the Job controller ends a Job that ran for too long."""
_NOT_READY = frozenset({Sign.NEVER_READY})
MESSAGE = 300
LINES = 8


@dataclass(frozen=True, slots=True)
class JobState:
    """What was read of one Job, or of the newest one of a CronJob."""

    job: Object
    pods: Sequence[Pod]
    at: dt.datetime


def inspect_job(state: JobState) -> Seen:
    """Return the signs of a Job: how its pods ended, and whether it gave up."""
    status = mapping(state.job.get("status"))
    failed = _condition(status)
    signs = _signs(state.pods, state.at)
    if failed:
        signs.add(Sign.JOB_OVERDUE if text(failed.get("reason")) == _LATE else Sign.JOB_FAILED)
    counts = ", ".join(f"{number(status.get(each))} {each}" for each in ("active", "failed"))
    why = f"{text(failed.get('reason'))}: {mask(text(failed.get('message')))[:MESSAGE]}"
    head = f"Job {text(metadata(state.job).get('name'))}: {counts}"
    lines = [f"{head}; {why}" if failed else head, *_lines(state.pods)]
    return Seen(frozenset(signs), "\n".join(lines))


def inspect_bare(pod: Pod, at: dt.datetime) -> Seen:
    """Return the signs of a pod that has no controller."""
    return Seen(frozenset(_signs([pod], at)), f"no controller has made it; {line(pod)}")


def newest(jobs: Sequence[Object]) -> Object | None:
    """Return the Job that ended last, or the last one that was made if none has ended."""
    return max(jobs, key=lambda each: (_ended(each), _made(each)), default=None)


def _signs(pods: Sequence[Pod], at: dt.datetime) -> set[Sign]:
    return container_signs(pods, at, frozenset()) - _NOT_READY


def _lines(pods: Sequence[Pod]) -> list[str]:
    return [line(pod) for pod in pods if pod.in_trouble or pod.unschedulable][:LINES]


def _condition(status: Object) -> Object:
    for each in items(status.get("conditions")):
        if each.get("type") == "Failed" and each.get("status") == "True":
            return each
    return {}


def _ended(job: Object) -> float:
    conditions = items(mapping(job.get("status")).get("conditions"))
    ends = [
        moment(each.get("lastTransitionTime"))
        for each in conditions
        if each.get("type") in ("Failed", "Complete") and each.get("status") == "True"
    ]
    return max((each.timestamp() for each in ends if each), default=0.0)


def _made(job: Object) -> float:
    made = moment(metadata(job).get("creationTimestamp"))
    return made.timestamp() if made else 0.0
