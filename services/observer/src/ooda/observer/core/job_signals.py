"""Signals of Jobs: one that failed for good. What its owner lets it try again is no failure."""

import datetime as dt
from collections.abc import Sequence

from ooda.common.cluster.kinds import Kind
from ooda.common.taxonomy import Signal
from ooda.observer.core import graph
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.history import seconds
from ooda.observer.core.state import Namespace
from ooda.observer.core.views import Key, Pod, Workload

JOBS = (Kind.JOB, Kind.CRON_JOB)
"""Kinds whose pods come to an end."""
QUEUE_PATIENCE = 600.0
"""Seconds that a Job waits for room, or for a quota, before that is said: waiting for them is what
Jobs do. The same as a Deployment has for its progress."""
JOB_TOLD_SECONDS = 3600.0
"""How long a Job that failed is told of: a person is asked twice within that time."""
_WORDS = {
    "DeadlineExceeded": "ran into its deadline",
    "BackoffLimitExceeded": "failed after {0.backoff_limit} retries",
}
"""By the reason with which the Job controller ends it (``batch/v1``)."""


def jobs_of(namespace: Namespace, key: Key) -> list[Workload]:
    """Return a Job itself, or the Jobs of a CronJob."""
    own = [namespace.workloads[key]] if key in namespace.workloads else []
    found = (*own, *graph.controllers_of(namespace, key))
    return [each for each in found if each.meta.kind == Kind.JOB]


def without_pods(namespace: Namespace, key: Key, pods: Sequence[Pod]) -> list[Workload]:
    """Return the Jobs that are to run and have no pod."""
    return [
        each
        for each in jobs_of(namespace, key)
        if not each.finished
        and not each.suspended
        and not any(pod.meta.owner == each.meta.key and not pod.over for pod in pods)
    ]


def job_failed(jobs: Sequence[Workload], pods: Sequence[Pod], now: dt.datetime) -> Deviation | None:
    """Return what is to be said if the newest Job that is over has failed for good.

    Not of one that failed long ago: it stays there until somebody deletes it.
    """
    last = max((each for each in jobs if each.finished), key=_end, default=None)
    if last is None or last.finished != "Failed":
        return None
    if last.finished_at is not None and seconds(last.finished_at, now) > JOB_TOLD_SECONDS:
        return None
    failed = [p for p in pods if p.meta.owner == last.meta.key and p.phase == "Failed"]
    pod = failed[-1] if failed else None
    container = next((c for c in pod.containers if c.exit_code), None) if pod else None
    words = _WORDS.get(
        last.finished_reason or "BackoffLimitExceeded", "failed: {0.finished_reason}"
    )
    return Deviation(
        Signal.CRASH_LOOP,
        container.name if container else "",
        last.finished_at,
        words.format(last),
        observed(
            container=container.name if container else None,
            exit_code=container.exit_code if container else None,
            reason=container.reason if container else last.finished_reason,
            image=container.image if container else None,
            job=last.meta.name,
        ),
        pod,
    )


def _end(job: Workload) -> float:
    return job.finished_at.timestamp() if job.finished_at else 0.0
