"""Compare what deviates now with what was flagged: flag, keep, or clear.

An anomaly is cleared after nothing has shown it for ``CLEAR_SECONDS`` on end, and not while the
workload is only between two failing pods (``_lingers``).
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ooda.common.cluster.kinds import Kind
from ooda.common.taxonomy import Signal
from ooda.observer.core import (
    access,
    container_signals,
    creation_signals,
    graph,
    job_signals,
    memory_signals,
    pod_signals,
    service_signals,
    workload_signals,
)
from ooda.observer.core.deviations import Deviation
from ooda.observer.core.history import seconds
from ooda.observer.core.inputs import Clear, Flag, Output
from ooda.observer.core.job_signals import JOBS
from ooda.observer.core.minimum import was_healthy
from ooda.observer.core.nodes import lost
from ooda.observer.core.planned import acting, judge_losses
from ooda.observer.core.sources import ACCESS, OWNERSHIP, PLANS, ROUTES
from ooda.observer.core.state import OPEN_LIMIT, SERVICE_ACCOUNT, Namespace, Open, State, Track
from ooda.observer.core.views import OOM, Key, Pod
from ooda.observer.core.wording import cleared, flagged

CLEAR_SECONDS = 3.0
"""How long nothing may show an anomaly before it is cleared: longer than a controller needs to
make the next pod and the kubelet to fail on it again."""

_ENDS = (Signal.CRASH_LOOP, Signal.OOM_KILLED)
"""Signals of containers that run for a while each time: only one that is ready is past it."""


def judge(
    state: State, name: str, key: Key, now: dt.datetime
) -> tuple[Namespace, tuple[Output, ...]]:
    """Return the namespace after a look at one top workload, and what is to be said."""
    namespace = state.namespaces[name]
    if OWNERSHIP & state.blind:
        return _unsure(namespace, key), ()
    if key[0] == Kind.SERVICE:
        return _of_service(state, namespace, key, now)
    if key[0] == SERVICE_ACCOUNT:
        return _of_account(state, namespace, key, now)
    pods = graph.pods_of(namespace, key)
    found: list[Deviation] = [*_of_containers(namespace, key, pods, now)]
    found += _unscheduled(key, pods, now)
    if key[0] not in JOBS and not found:
        found += _unready(state, namespace, key, pods, now)
    if not PLANS & state.blind:
        namespace, more = _of_workload(state, namespace, key, pods, now, alone=not found)
        found += more
    return _reconcile(state, namespace, key, pods, found, now)


def _unscheduled(key: Key, pods: Sequence[Pod], now: dt.datetime) -> Iterable[Deviation]:
    if key[0] in JOBS:
        return pod_signals.unscheduled(pods, now, job_signals.QUEUE_PATIENCE)
    return pod_signals.unscheduled(pods, now)


def _of_service(
    state: State, namespace: Namespace, key: Key, now: dt.datetime
) -> tuple[Namespace, tuple[Output, ...]]:
    if ROUTES & state.blind:
        return _unsure(namespace, key), ()
    found = service_signals.misrouted(state, namespace, key, now)
    return _reconcile(state, namespace, key, (), [found] if found else [], now)


def _of_account(
    state: State, namespace: Namespace, key: Key, now: dt.datetime
) -> tuple[Namespace, tuple[Output, ...]]:
    if ACCESS & state.blind:
        return _unsure(namespace, key), ()
    found = access.denied(namespace, key[1], now)
    return _reconcile(state, namespace, key, (), [found] if found else [], now)


def _of_containers(
    namespace: Namespace, key: Key, pods: Sequence[Pod], now: dt.datetime
) -> Iterable[Deviation]:
    track = namespace.tracks.get(key, Track())
    yield from container_signals.image_pull(pods, namespace.occurrences)
    yield from container_signals.container_stuck(pods, namespace.occurrences, now)
    if key[0] not in JOBS:
        yield from _of_ends(namespace, key, track, pods, now)
        return
    # A Job may fail as often as its owner allowed; only its end is a failure.
    failed = job_signals.job_failed(job_signals.jobs_of(namespace, key), pods, now)
    if failed is not None:
        yield failed


def _of_ends(
    namespace: Namespace, key: Key, track: Track, pods: Sequence[Pod], now: dt.datetime
) -> Iterable[Deviation]:
    """Yield loops of ends; one that is of kills for memory is said as that alone."""

    def since(signal: Signal) -> dict[str, dt.datetime]:
        return {
            each.container: each.event.since
            for each in namespace.open.values()
            if each.top == key and each.event.signal is signal
        }

    kills = list(memory_signals.oom_killed(pods, track.crashes, since(Signal.OOM_KILLED), now))
    yield from kills
    told = {each.container for each in kills}
    loops = container_signals.crash_loop(pods, track.crashes, since(Signal.CRASH_LOOP), now)
    yield from (
        each for each in loops if each.container not in told or each.observed.get("reason") != OOM
    )


def _unready(
    state: State, namespace: Namespace, key: Key, pods: Sequence[Pod], now: dt.datetime
) -> Iterable[Deviation]:
    """Look at pods that run; a workload that never was ready has until its deadline."""
    if not was_healthy(namespace, key) and not namespace.tracks.get(key, Track()).ever_ready:
        return ()
    if any(
        each.top == key and each.event.signal is Signal.REPLICAS_SHORT
        for each in namespace.open.values()
    ):
        return ()  # it is told already, and a second name of it would end the first
    silent = frozenset(each.node for each in pods if each.node and lost(state, each.node, now))
    return pod_signals.unready(pods, silent, now)


def _of_workload(
    state: State,
    namespace: Namespace,
    key: Key,
    pods: Sequence[Pod],
    now: dt.datetime,
    *,
    alone: bool,
) -> tuple[Namespace, list[Deviation]]:
    """Look at losses and counts; another hard signal speaks for what it makes short."""
    track, loss = judge_losses(state, namespace, key, now)
    found = []
    if loss is not None and key[0] in workload_signals.SCALED:
        found.append(workload_signals.pod_lost(loss))
    namespace = _with_track(namespace, key, _short_since(namespace, key, track, pods, now))
    if acting(state, namespace.name, key, now):
        return namespace, found
    short = (
        workload_signals.too_few_wanted(namespace, key, pods)
        or workload_signals.scheduled_nowhere(namespace, key)
        or creation_signals.creation_denied(namespace, key, now)
        or creation_signals.creation_refused(namespace, key, pods, now)
    )
    others = any(
        each.top == key and each.event.signal is not Signal.REPLICAS_SHORT
        for each in namespace.open.values()
    )
    if short is None and alone and not found and not others and not track.losses:
        short = workload_signals.too_few_ready(state, namespace, key, pods, now)
    return namespace, [*found, short] if short else found


def _short_since(
    namespace: Namespace, key: Key, track: Track, pods: Sequence[Pod], now: dt.datetime
) -> Track:
    workload = namespace.workloads.get(key)
    ready = sum(1 for pod in pods if pod.counts)
    short = workload is not None and ready < workload.desired
    if short is (track.short_since is not None):
        return track
    return replace(track, short_since=now if short else None)


def _with_track(namespace: Namespace, key: Key, track: Track) -> Namespace:
    if namespace.tracks.get(key, Track()) == track:
        return namespace
    return replace(namespace, tracks={**namespace.tracks, key: track})


def _unsure(namespace: Namespace, key: Key) -> Namespace:
    """Forget since when it is calm: what was not seen was not calm."""
    calm = {i for i, each in namespace.open.items() if each.top == key and each.calm_since}
    if not calm:
        return namespace
    opened = {
        i: replace(each, calm_since=None) if i in calm else each
        for i, each in namespace.open.items()
    }
    return replace(namespace, open=opened)


def _reconcile(
    state: State,
    namespace: Namespace,
    key: Key,
    pods: Sequence[Pod],
    found: Sequence[Deviation],
    now: dt.datetime,
) -> tuple[Namespace, tuple[Output, ...]]:
    outputs: list[Output] = []
    opened = dict(namespace.open)
    shown = {(each.signal, each.container) for each in found}
    for anomaly_id, each in namespace.open.items():
        if each.top != key:
            continue
        event = each.event
        judged = _after(state, namespace, each, pods, now,
                        shown=(event.signal, each.container) in shown)  # fmt: skip
        if judged is None:
            del opened[anomaly_id]
            outputs.append(Clear(cleared(event, now)))
        elif judged is not each:
            opened[anomaly_id] = judged
    still = {(each.event.signal, each.container) for each in opened.values() if each.top == key}
    for deviation in found:
        if (deviation.signal, deviation.container) in still or len(opened) >= OPEN_LIMIT:
            continue
        event = flagged(state.rules.cluster_id, namespace, key, deviation, now)
        opened[event.anomaly_id] = Open(key, deviation.container, event)
        outputs.append(Flag(event))
    return replace(namespace, open=opened) if opened != namespace.open else namespace, tuple(
        outputs
    )


def _after(
    state: State,
    namespace: Namespace,
    each: Open,
    pods: Sequence[Pod],
    now: dt.datetime,
    *,
    shown: bool,
) -> Open | None:
    """Return an open anomaly after this look at it, None if it is over."""
    planned = each.event.signal in (Signal.POD_LOST, Signal.REPLICAS_SHORT)
    unseen = planned and bool(PLANS & state.blind)
    if shown or unseen or _lingers(namespace, each, pods):
        return replace(each, calm_since=None) if each.calm_since else each
    if each.calm_since is None:
        return replace(each, calm_since=now)
    return None if seconds(each.calm_since, now) >= CLEAR_SECONDS else each


def _lingers(namespace: Namespace, each: Open, pods: Sequence[Pod]) -> bool:
    """Return whether an anomaly that nothing shows is not over, as its workload is not well."""
    workload = namespace.workloads.get(each.top)
    if workload is None or workload.meta.deleted_at is not None or each.top[0] in JOBS:
        return False
    if sum(1 for pod in pods if pod.counts) >= workload.desired:
        return False
    match each.event.signal:
        case Signal.POD_LOST:
            return True
        case Signal.REPLICAS_SHORT:
            return False
        case _:
            return not _passed(each, pods)


def _passed(each: Open, pods: Sequence[Pod]) -> bool:
    """Return whether a pod that showed the anomaly, or its like, has got past it."""
    revision = each.event.observed.get("revision", "")
    unready = each.event.observed.get("reason") == pod_signals.NOT_READY
    by_running = each.event.signal not in _ENDS and not unready
    return any(
        container.name == each.container
        and container.running_since is not None
        and (by_running or container.ready)
        for pod in pods
        if pod.meta.deleted_at is None and pod.revision == revision
        for container in pod.containers
    )
