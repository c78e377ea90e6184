"""Histories that single objects do not tell: crashes, pods that went away, planned reductions."""

import datetime as dt
from dataclasses import replace

from ooda.common.cluster.kinds import Kind
from ooda.observer.core.state import (
    ALLOWANCES_LIMIT,
    CRASHES_LIMIT,
    LOSSES_LIMIT,
    Allowance,
    Crash,
    Loss,
    Track,
)
from ooda.observer.core.views import OOM, Container, Pod, Workload

CRASH_WINDOW = 600.0
"""Seconds within which two failed ends of one container are a loop: the back-off of the kubelet
is reset after ten minutes of running."""
OOM_WINDOW = 3600.0
"""Seconds within which two kills for memory belong together: what leaks grows until its limit and
is killed again, after minutes or half an hour, and looks well in between."""
ALLOWANCE_SECONDS = 180.0
"""How long a reduction explains pods that go: the controller is quick, webhooks and quotas not."""


def after_pod(
    track: Track | None, old: Pod | None, pod: Pod, now: dt.datetime, *, gone: bool
) -> Track:
    """Return a workload's history after news of one of its pods."""
    track = track or Track()
    told = {each.key for each in track.crashes}
    crashes = [
        crash
        for each in pod.containers
        if (crash := _crash(pod, each, now)) and crash.key not in told
    ]
    if crashes and not gone:
        kept = tuple(each for each in track.crashes if _counts(each.at, now, oom=each.oom))
        track = replace(track, crashes=(*kept, *crashes)[-CRASHES_LIMIT:])
    loss = _loss(old, pod, now, gone=gone)
    if loss is not None:
        track = replace(track, losses=(*track.losses, loss)[-LOSSES_LIMIT:])
    return replace(track, ever_ready=True) if pod.counts and not track.ever_ready else track


def after_workload(
    track: Track | None, old: Workload | None, new: Workload, now: dt.datetime, *, is_top: bool
) -> Track:
    """Return a workload's history after news of it, or of a controller that it owns."""
    track = track or Track()
    if old is not None and old.meta.uid == new.meta.uid and new.desired < old.desired:
        allowance = Allowance(new.meta.key, old.desired - new.desired, now)
        kept = tuple(e for e in track.allowances if seconds(e.at, now) <= ALLOWANCE_SECONDS)
        track = replace(track, allowances=(*kept, allowance)[-ALLOWANCES_LIMIT:])
    if not is_top or new.meta.kind in (Kind.JOB, Kind.CRON_JOB):
        return track
    # Without an earlier view: replicas of two templates at once say that it is rolling out.
    mixed = new.updated < new.current
    changed = old.template != new.template if old is not None else mixed
    if changed:
        return replace(track, rolling_since=now, remembered=False, healthy_since=None)
    if old is not None and old.desired != new.desired:
        track = replace(track, remembered=False)
    if new.complete:
        begun = track.rolling_since
        rolled = (begun, now) if begun is not None else track.rolled
        return replace(track, rolling_since=None, rolled=rolled, ever_ready=True)
    return track


def _crash(pod: Pod, container: Container, now: dt.datetime) -> Crash | None:
    ended = container.finished_at
    oom = container.reason == OOM
    if not (container.exit_code or oom) or ended is None or not _counts(ended, now, oom=oom):
        return None
    ran = min(container.ran_seconds, 86_400.0)
    limit = container.memory_limit
    return Crash(pod.meta.name, pod.meta.uid, container.name, ended, ran, oom, limit)


def _counts(ended: dt.datetime, now: dt.datetime, *, oom: bool) -> bool:
    return seconds(ended, now) <= (OOM_WINDOW if oom else CRASH_WINDOW)


def _loss(old: Pod | None, pod: Pod, now: dt.datetime, *, gone: bool) -> Loss | None:
    if old is None:
        return None
    replaced = old.meta.uid != pod.meta.uid
    leaving = not replaced and (gone or pod.meta.deleted_at is not None or pod.over)
    already = old.meta.deleted_at is not None or old.over
    if already or not (leaving or replaced):
        return None
    if pod.over:
        ends = [each.finished_at for each in pod.containers if each.finished_at]
        since, how = max(ends, default=now), pod.reason or f"phase {pod.phase}"
    else:
        since, how = (None if replaced else pod.meta.deleted_at) or now, "deleted"
    disruption = old.disruption or ("" if replaced else pod.disruption)
    return Loss(old, old.meta.owner, min(since, now), now, old.ready, how, disruption)


def seconds(earlier: dt.datetime, later: dt.datetime) -> float:
    """Return how many seconds lie between two times."""
    return (later - earlier).total_seconds()
