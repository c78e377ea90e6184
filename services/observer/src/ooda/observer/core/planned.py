"""Which of the pods that went away were meant to go."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from ooda.common.cluster.kinds import Kind
from ooda.observer.core.graph import target_of
from ooda.observer.core.history import ALLOWANCE_SECONDS, seconds
from ooda.observer.core.inputs import ActionNotice
from ooda.observer.core.nodes import draining
from ooda.observer.core.state import ACTIONS_LIMIT, Action, Allowance, Loss, Namespace, State, Track
from ooda.observer.core.views import Key, Workload

GRACE = 0.4
"""Seconds before a loss is judged: watches of different kinds are not in order with each other,
and the change that explains a deletion may come a moment after it."""
CHANGING_GRACE = 2.0
"""And so long while the workload itself is being changed: then the watch of its ReplicaSets, by
which a Deployment says which pods may go, is probably only late."""
CHANGE_SECONDS = 10.0
"""How long after its replicas were lowered a Deployment counts as being changed."""
MEANT = frozenset({"EvictionByEvictionAPI", "DeletionByTaintManager", "DeletionByPodGC"})
"""Reasons of the condition ``DisruptionTarget``, which is on the pod before it is deleted: somebody
asked for its eviction, as a drain does, or its node is gone. It needs no other watch to be in time.
The kubelet's own evictions (``TerminationByKubelet``) and preemption are no plan for this pod.
"""
ACTION_SECONDS = 600.0
"""How long an action that never ended explains what happens to its target."""
ACTION_TAIL_SECONDS = 30.0
"""How long after its end an action still explains: pods take their grace period to go."""


def judge_losses(
    state: State, namespace: Namespace, key: Key, now: dt.datetime
) -> tuple[Track, Loss | None]:
    """Return the track without the losses whose time has come, and one of them nobody planned."""
    track = namespace.tracks.get(key, Track())
    workload = namespace.workloads.get(key)
    grace = CHANGING_GRACE if workload and _changing(track, workload, now) else GRACE
    due = [each for each in track.losses if seconds(each.seen_at, now) >= grace]
    if not due:
        return track, None
    allowances = track.allowances
    unexplained: Loss | None = None
    for loss in due:
        allowances, allowed = _consume(allowances, loss, now)
        if loss.was_ready and not allowed and not _explained(state, namespace, key, loss, now):
            unexplained = unexplained or loss
    pending = tuple(each for each in track.losses if each not in due)
    return replace(track, losses=pending, allowances=allowances), unexplained


def _changing(track: Track, workload: Workload, now: dt.datetime) -> bool:
    lowered = (each.at for each in track.allowances if each.controller == workload.meta.key)
    return rolling(track, workload, now) or any(
        seconds(each, now) < CHANGE_SECONDS for each in lowered
    )


def _consume(
    allowances: tuple[Allowance, ...], loss: Loss, now: dt.datetime
) -> tuple[tuple[Allowance, ...], bool]:
    """Charge a loss to the oldest reduction of its controller that has room for it."""
    live = tuple(each for each in allowances if seconds(each.at, now) <= ALLOWANCE_SECONDS)
    for index, each in enumerate(live):
        if each.controller == loss.controller and each.count > 0:
            left = replace(each, count=each.count - 1)
            return (*live[:index], left, *live[index + 1 :]), True
    return live, False


def _explained(state: State, namespace: Namespace, key: Key, loss: Loss, now: dt.datetime) -> bool:
    if loss.disruption in MEANT:
        return True
    workload = namespace.workloads.get(key)
    if namespace.ending or workload is None or workload.meta.deleted_at is not None:
        # A pod without a workload is deleted by whoever made it; nothing is expected to return.
        return True
    if loss.controller is not None and _controller_ended(namespace, loss.controller):
        return True
    if draining(state, loss.pod.node, now) or acting(state, namespace.name, key, now):
        return True
    track = namespace.tracks.get(key, Track())
    during = rolling(track, workload, now) or _rolled_then(track, loss.seen_at)
    return during and _outdated(namespace, key, loss)


def _rolled_then(track: Track, at: dt.datetime) -> bool:
    """Return whether a rolling update was going on then, that has ended since.

    Pods that stop and start quickly are replaced within the time that a loss waits to be judged.
    """
    if track.rolled is None:
        return False
    begun, ended = track.rolled
    return begun <= at <= ended + dt.timedelta(seconds=CHANGING_GRACE)


def _controller_ended(namespace: Namespace, controller: Key) -> bool:
    found = namespace.workloads.get(controller)
    return found is None or found.meta.deleted_at is not None or bool(found.finished)


def _outdated(namespace: Namespace, key: Key, loss: Loss) -> bool:
    """Return whether a pod is of an older template, as a rolling update replaces it.

    A Deployment says so by the replicas of its ReplicaSets, which are charged before; the other
    kinds delete pods without lowering anything.
    """
    if key[0] != Kind.DEPLOYMENT:
        return True
    mine = namespace.workloads.get(loss.controller) if loss.controller else None
    return mine is not None and mine.desired == 0


def rolling(track: Track, workload: Workload, now: dt.datetime) -> bool:
    """Return whether a change of the template is still within its time to take effect."""
    if track.rolling_since is None or workload.overdue:
        return False
    return seconds(track.rolling_since, now) < workload.progress_deadline


def acting(state: State, namespace: str, key: Key, now: dt.datetime) -> bool:
    """Return whether the agent itself is changing this workload, or did a moment ago."""
    target = target_of(namespace, key)
    return any(each.target == target and live(each, now) for each in state.actions.values())


def live(action: Action, now: dt.datetime) -> bool:
    """Return whether an action still explains what happens to its target."""
    if action.over_at is not None:
        return seconds(action.over_at, now) < ACTION_TAIL_SECONDS
    return seconds(action.at, now) < ACTION_SECONDS


def noticed(
    actions: Mapping[str, Action], notice: ActionNotice, now: dt.datetime
) -> Mapping[str, Action]:
    """Return the agent's actions after news of one, without those that explain nothing any more."""
    kept = {key: each for key, each in actions.items() if live(each, now)}
    known = kept.get(notice.action_id)
    if notice.over:
        if known is not None and known.over_at is None:
            kept[notice.action_id] = replace(known, over_at=now)
    elif known is None and notice.target is not None and len(kept) < ACTIONS_LIMIT:
        kept[notice.action_id] = Action(notice.target, now)
    return kept
