"""Signals of workloads: pods lost, replicas short, no node to run on."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ooda.common.cluster.kinds import Kind
from ooda.common.known_good import workload_key
from ooda.common.taxonomy import Signal
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.history import seconds
from ooda.observer.core.minimum import known_replicas, minimum, was_healthy
from ooda.observer.core.nodes import draining
from ooda.observer.core.planned import rolling
from ooda.observer.core.reading import mapping
from ooda.observer.core.state import Loss, Namespace, State, Track
from ooda.observer.core.views import Key, Pod, Workload

CREATION_SECONDS = 10.0
"""Time that a controller has to make the pods that it is told to have."""
SCALED = (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET, Kind.REPLICA_SET)
"""Kinds that keep a number of pods running."""
NOWHERE = "ScheduledNowhere"
_PLACING = ("nodeSelector", "affinity", "tolerations", "nodeName")


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
    workload = scaled(namespace, key)
    if workload is None or key[0] == Kind.DAEMON_SET:
        return None
    floor, known = minimum(namespace, key, workload), known_replicas(namespace, key)
    # More than it had when it was healthy is no minimum: it was healthy below.
    short = known and workload.desired < min(floor, known)
    return _short(workload, floor, pods, known, "wants") if short else None


def scheduled_nowhere(namespace: Namespace, key: Key) -> Deviation | None:
    """Return what is to be said of a DaemonSet whose template was told to fit no node at all.

    That there are no such nodes any more is nobody's mistake, and not said.
    """
    workload = scaled(namespace, key)
    known = namespace.known.workloads.get(workload_key(*key))
    if workload is None or key[0] != Kind.DAEMON_SET or known is None or not known.templates:
        return None
    seen = workload.observed >= workload.generation
    if (
        workload.desired
        or not seen
        or _placement(known.templates[-1]) == _placement(workload.template)
    ):
        return None
    return Deviation(
        Signal.REPLICAS_SHORT,
        "",
        None,
        "is to run on no node, since its template says where",
        observed(desired=0, ready=workload.ready, reason=NOWHERE),
    )


def _placement(template: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = mapping(template, "spec")
    return {each: spec.get(each) for each in _PLACING if spec.get(each)}


def scaled(namespace: Namespace, key: Key) -> Workload | None:
    """Return a workload that keeps a number of pods running, None if there is none."""
    workload = namespace.workloads.get(key)
    there = workload is not None and workload.meta.deleted_at is None and key[0] in SCALED
    return workload if there else None


def too_few_ready(
    state: State, namespace: Namespace, key: Key, pods: Sequence[Pod], now: dt.datetime
) -> Deviation | None:
    """Return what is to be said of a workload with fewer ready replicas than its minimum.

    Neither the start of pods nor a rolling update within its deadline may explain it. One that
    was never ready has until its deadline to become so.
    """
    workload = scaled(namespace, key)
    if workload is None:
        return None
    floor, known = minimum(namespace, key, workload), known_replicas(namespace, key)
    track = namespace.tracks.get(key, Track())
    if not was_healthy(namespace, key) and not track.ever_ready:
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
