"""Signals of workloads that the API server lets make no more pods, for a quota say."""

import datetime as dt
from collections.abc import Sequence

from ooda.common.cluster.kinds import Kind
from ooda.common.taxonomy import Signal
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.history import seconds
from ooda.observer.core.job_signals import JOBS, QUEUE_PATIENCE, without_pods
from ooda.observer.core.state import Namespace, Track
from ooda.observer.core.views import Key, Pod, Workload
from ooda.observer.core.workload_signals import scaled

DENIED_PATIENCE = 20.0
"""Seconds in which others may give free what a new pod needs: as long as a pod waits for a node."""
_QUOTA = "exceeded quota"
"""The words of the API server's quota admission."""


def creation_denied(namespace: Namespace, key: Key, now: dt.datetime) -> Deviation | None:
    """Return what is to be said of a workload that the API server lets make no more pods.

    A rolling update takes old pods away meanwhile, if it may, and that can make the room.
    """
    workload = scaled(namespace, key)
    if workload is None or not workload.denied:
        return None
    since = workload.denied_since
    if since is None or seconds(since, now) < DENIED_PATIENCE:
        return None
    return _denied(workload, since, workload.denied)


def creation_refused(
    namespace: Namespace, key: Key, pods: Sequence[Pod], now: dt.datetime
) -> Deviation | None:
    """Return the same of the kinds that have no condition for it: only an Event says so.

    It counts while pods are missing and none was made after it. A Job may wait for a quota.
    """
    if key[0] in JOBS:
        waiting = without_pods(namespace, key, pods)
    else:
        workload = scaled(namespace, key)
        there = sum(1 for pod in pods if pod.meta.deleted_at is None and not pod.over)
        short = workload is not None and there < workload.desired
        waiting = [workload] if workload and short else []
    begun = namespace.tracks.get(key, Track()).short_since
    made = max((pod.meta.created_at for pod in pods if pod.meta.created_at), default=None)
    for each in waiting:
        refusal = namespace.refusals.get(each.meta.key)
        if refusal is None or refusal.uid != each.meta.uid or refusal.last_at is None:
            continue
        times = (refusal.first_at, begun, made)
        since = max(at for at in (*times, each.meta.created_at) if at is not None)
        queues = each.meta.kind == Kind.JOB and _QUOTA in refusal.note
        patience = QUEUE_PATIENCE if queues else DENIED_PATIENCE
        stale = made is not None and refusal.last_at < made
        if not stale and seconds(since, now) >= patience:
            return _denied(each, since, refusal.note)
    return None


def _denied(workload: Workload, since: dt.datetime, why: str) -> Deviation:
    return Deviation(
        Signal.REPLICAS_SHORT,
        "",
        since,
        f"may make no more pods: {why}",
        observed(
            desired=workload.desired, ready=workload.ready, reason="FailedCreate", message=why
        ),
    )
