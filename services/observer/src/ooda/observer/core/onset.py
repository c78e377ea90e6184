"""When what a container waits for began: by the cluster's own times, not by ours."""

import datetime as dt
from collections.abc import Sequence
from itertools import chain

from ooda.observer.core.views import Container, Occurrence, Pod

CANNOT_PULL = frozenset({"Failed", "InspectFailed", "ErrImageNeverPull"})
"""Reasons of Events with which the kubelet says so (``pkg/kubelet/events``)."""
CANNOT_START = frozenset({"Failed", "FailedPostStartHook"})
WAITS = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"})
"""A pod waits for volumes or its network, of which its own status says nothing."""


def onset(
    pod: Pod, container: Container, occurrences: Sequence[Occurrence], reasons: frozenset[str]
) -> dt.datetime | None:
    """Return when the kubelet first met what this container waits for.

    Times of Events count from when the container could be started (``_could_start``): the same
    Event may have been about an earlier failure of it. Without an Event, which can come after the
    status, it is that moment itself; None if the cluster says nothing.
    """
    begin = _could_start(pod, container)
    times = [
        at
        for each in occurrences
        if each.uid == pod.meta.uid
        and each.reason in reasons
        and each.container in ("", container.name)
        for at in (each.first_at, each.last_at)
        if at is not None and (begin is None or at >= begin)
    ]
    return min(times, default=begin)


def _could_start(pod: Pod, container: Container) -> dt.datetime | None:
    """Return since when nothing but the container itself holds its start up."""
    before = (each.finished_at for each in pod.containers if each.init and not container.init)
    times = chain((pod.meta.created_at, pod.prepared_at, container.finished_at), before)
    return max((each for each in times if each is not None), default=None)


def newest(occurrences: Sequence[Occurrence], uid: str) -> Occurrence | None:
    """Return the last Event that says why a pod waits, None if none does."""
    mine = [each for each in occurrences if each.uid == uid and each.reason in WAITS]
    return max(mine, key=lambda each: each.last_at or dt.datetime.min.replace(tzinfo=dt.UTC),
               default=None)  # fmt: skip
