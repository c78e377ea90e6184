"""Signals of workloads: pods lost, replicas short, a Job that failed."""

import datetime as dt
from collections.abc import Sequence

from ooda.common.cluster.kinds import Kind
from ooda.common.taxonomy import Signal
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.history import seconds
from ooda.observer.core.minimum import known_replicas, minimum
from ooda.observer.core.nodes import draining
from ooda.observer.core.planned import rolling
from ooda.observer.core.state import Loss, Namespace, State, Track
from ooda.observer.core.views import Key, Pod, Workload

CREATION_SECONDS = 10.0
"""Time that a controller has to make the pods that it is told to have."""
DENIED_PATIENCE = 20.0
"""Seconds in which others may give free what a new pod needs: as long as a pod waits for a node."""
SCALED = (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET, Kind.REPLICA_SET)
"""Kinds that keep a number of pods running."""


def pod_lost(loss: Loss) -> Deviation:
    """Return what is to be said of a pod that went away and that nobody planned to lose."""
    pod = loss.pod
    return Deviation(
        Signal.POD_LOST,
        "",
        loss.since,
        f"lost pod {pod.meta.name}, which was ready ({loss.how})",
        observed(reason=loss.how, phase=pod.phase, revision=pod.revision, uid=pod.meta.uid),
        pod,
    )


def too_few_wanted(namespace: Namespace, key: Key, pods: Sequence[Pod]) -> Deviation | None:
    """Return what is to be said of a workload that was told to have less than its minimum."""
    workload = _scaled(namespace, key)
    if workload is None or key[0] == Kind.DAEMON_SET:
        return None
    floor, known = minimum(namespace, key, workload), known_replicas(namespace, key)
    # More than it had when it was healthy is no minimum: it was healthy below.
    short = known and workload.desired < min(floor, known)
    return _short(workload, floor, pods, known, "wants") if short else None


def _scaled(namespace: Namespace, key: Key) -> Workload | None:
    """Return a workload that keeps a number of pods running, None if there is none."""
    workload = namespace.workloads.get(key)
    there = workload is not None and workload.meta.deleted_at is None and key[0] in SCALED
    return workload if there else None


def creation_denied(namespace: Namespace, key: Key, now: dt.datetime) -> Deviation | None:
    """Return what is to be said of a workload that the API server lets make no more pods.

    A rolling update takes old pods away meanwhile, if it may, and that can make the room.
    """
    workload = _scaled(namespace, key)
    if workload is None or not workload.denied:
        return None
    since = workload.denied_since
    if since is None or seconds(since, now) < DENIED_PATIENCE:
        return None
    return Deviation(
        Signal.REPLICAS_SHORT,
        "",
        since,
        f"may make no more pods: {workload.denied}",
        observed(
            desired=workload.desired,
            ready=workload.ready,
            reason="FailedCreate",
            message=workload.denied,
        ),
    )


def too_few_ready(
    state: State, namespace: Namespace, key: Key, pods: Sequence[Pod], now: dt.datetime
) -> Deviation | None:
    """Return what is to be said of a workload with fewer ready replicas than its minimum.

    Neither the start of pods nor a rolling update within its deadline may explain it. One that
    was never ready has until its deadline to become so.
    """
    workload = _scaled(namespace, key)
    if workload is None:
        return None
    floor, known = minimum(namespace, key, workload), known_replicas(namespace, key)
    track = namespace.tracks.get(key, Track())
    if not known and not track.ever_ready:
        late = workload.desired > 0 and _late(workload, now)
        if not late or (not workload.overdue and _starting(state, track, workload, pods, now)):
            return None
        return _short(workload, max(floor, 1), pods, known, "never had")
    floor = min(max(floor, 1), workload.desired)
    ready = sum(1 for pod in pods if pod.counts)
    if (
        ready >= floor
        or rolling(track, workload, now)
        or _starting(state, track, workload, pods, now)
    ):
        return None
    return _short(workload, floor, pods, known, "has")


def _late(workload: Workload, now: dt.datetime) -> bool:
    created = workload.meta.created_at
    return workload.overdue or (
        created is not None and seconds(created, now) >= workload.progress_deadline
    )


def _starting(
    state: State, track: Track, workload: Workload, pods: Sequence[Pod], now: dt.datetime
) -> bool:
    """Return whether pods that are missing or still starting explain what is short."""
    young = [pod for pod in pods if not pod.counts and starting(pod, now)]
    if young:
        return True
    if any(draining(state, pod.node, now) for pod in pods if pod.meta.deleted_at is not None):
        return True
    missing = sum(1 for pod in pods if pod.meta.deleted_at is None and not pod.over)
    recent = track.short_since is None or seconds(track.short_since, now) < CREATION_SECONDS
    return missing < workload.desired and recent


def starting(pod: Pod, now: dt.datetime) -> bool:
    """Return whether a pod is within the time that it has for its start, or for a restart."""
    if pod.meta.deleted_at is not None or pod.over:
        return False
    begun = [pod.meta.created_at, *(each.running_since for each in pod.containers)]
    begun += [each.finished_at for each in pod.containers if each.running_since is None]
    last = max((each for each in begun if each is not None), default=None)
    budget = max((each.start_budget for each in pod.containers), default=60.0)
    return last is not None and seconds(last, now) < budget


def _short(workload: Workload, floor: int, pods: Sequence[Pod], known: int, verb: str) -> Deviation:
    ready = sum(1 for pod in pods if pod.counts)
    unready = next((pod for pod in pods if not pod.counts), None)
    count = workload.desired if verb == "wants" else ready
    what = "replicas" if verb == "wants" else "ready replicas"
    return Deviation(
        Signal.REPLICAS_SHORT,
        "",
        None if verb == "wants" or unready is None else unready.ready_since,
        f"{verb} {count} {what}, its minimum is {floor}",
        observed(
            desired=workload.desired,
            ready=ready,
            minimum=floor,
            known_good=known or None,
            phase=unready.phase if unready else None,
            reason=unready.reason if unready else None,
        ),
        unready,
    )


def job_failed(jobs: Sequence[Workload], pods: Sequence[Pod]) -> Deviation | None:
    """Return what is to be said if the newest Job that is over has used all its retries."""
    over = [each for each in jobs if each.finished]
    last = max(over, key=_end, default=None)
    if last is None or last.finished != "Failed":
        return None
    failed = [p for p in pods if p.meta.owner == last.meta.key and p.phase == "Failed"]
    pod = failed[-1] if failed else None
    container = next((c for c in pod.containers if c.exit_code), None) if pod else None
    return Deviation(
        Signal.CRASH_LOOP,
        container.name if container else "",
        last.finished_at,
        f"failed after {last.backoff_limit} retries",
        observed(
            container=container.name if container else None,
            exit_code=container.exit_code if container else None,
            reason=container.reason if container else None,
            image=container.image if container else None,
            job=last.meta.name,
        ),
        pod,
    )


def _end(job: Workload) -> float:
    return job.finished_at.timestamp() if job.finished_at else 0.0
