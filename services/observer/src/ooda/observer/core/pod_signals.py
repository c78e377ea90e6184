"""Signals of whole pods: the scheduler has no node for one, or one runs and is not ready."""

import datetime as dt
from collections.abc import Iterator, Sequence

from ooda.common.cluster.kinds import Kind
from ooda.common.taxonomy import Signal
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.history import seconds
from ooda.observer.core.views import Container, Pod

NOT_READY = "NotReady"
"""The reason that is observed of a container that runs and does not become ready."""
ROOM_PATIENCE = 20.0
"""Seconds that a pod may wait for what can come by itself: room that pods give free which are on
their way out, a node that is prepared, a volume that is made."""
MAINTENANCE_PATIENCE = 300.0
"""Seconds that a pod may wait while a node is cordoned on which it might fit: somebody works there.
As long as Kubernetes waits by default before it gives up the pods of a node that is away."""
SIBLINGS_FACTOR = 2.0
"""How much longer than its siblings took a container may take to become ready. A choice."""
SLOW_START = 600.0
"""Seconds after which becoming ready is no start any more: the pod had lost its readiness. As long
as a rollout may make no progress, by the default of Deployments."""
_NO_SUCH_NODE = "didn't match Pod's node affinity/selector"
_MAY_COME = ("Insufficient ", "free ports", "Too many pods", "unbound")
_CORDONED = "were unschedulable"
"""Words of the scheduler (``pkg/scheduler/framework/plugins``)."""


def unscheduled(
    pods: Sequence[Pod], now: dt.datetime, patience: float = ROOM_PATIENCE
) -> Iterator[Deviation]:
    """Yield the first pod that fits on no node; at once if no node has what it selects.

    A DaemonSet's pod is meant for one node, and no other one ever has what it selects.
    """
    for pod in pods:
        if not pod.unscheduled or pod.meta.deleted_at is not None or pod.over:
            continue
        since = pod.unscheduled_since or pod.meta.created_at
        of_one_node = pod.meta.owner is not None and pod.meta.owner[0] == Kind.DAEMON_SET
        never = _NO_SUCH_NODE in pod.unscheduled and not of_one_node
        cordoned = _CORDONED in pod.unscheduled
        may_come = cordoned or any(words in pod.unscheduled for words in _MAY_COME)
        wait = max(patience, MAINTENANCE_PATIENCE) if cordoned else patience
        if (may_come or not never) and (since is None or seconds(since, now) < wait):
            continue
        yield Deviation(
            Signal.CONTAINER_STUCK,
            "",
            since,
            f"has pod {pod.meta.name}, which fits on no node: {pod.unscheduled}",
            observed(reason="Unschedulable", message=pod.unscheduled, revision=pod.revision),
            pod,
        )
        return


def unready(
    pods: Sequence[Pod], lost: frozenset[str | None], now: dt.datetime
) -> Iterator[Deviation]:
    """Yield containers that run and are not ready, though they had the time that they have.

    Those on a node that is lost are left out: what is known of them is old.
    """
    told: set[str] = set()
    usual = SIBLINGS_FACTOR * _usual_start(pods)
    for pod in pods:
        if pod.ready or pod.meta.deleted_at is not None or pod.over or pod.node in lost:
            continue
        own = [each for each in pod.containers if not each.init]
        for container in own:
            since, budget = _since(pod, own), container.start_budget
            if since is not None and _never_since_its_start(pod, container):
                since = max(since, container.started_at or since)
                budget = container.ready_budget or budget
            budget = max(budget, usual)
            late = since is not None and seconds(since, now) >= budget
            if container.ready or not late or container.name in told:
                continue
            told.add(container.name)
            yield Deviation(
                Signal.CONTAINER_STUCK,
                container.name,
                since,
                f"runs container {container.name} of pod {pod.meta.name} and it is not ready, "
                f"though it had {budget:.0f} s for it",
                observed(
                    container=container.name,
                    image=container.image,
                    reason=NOT_READY,
                    restarts=container.restarts,
                    revision=pod.revision,
                ),
                pod,
            )


def _usual_start(pods: Sequence[Pod]) -> float:
    """Return how many seconds the pods that serve took to become ready; of several the least.

    So a program that is slow has its time, though no probe of it says so.
    """
    took = [
        seconds(max(starts), pod.ready_since)
        for pod in pods
        if pod.counts
        and pod.ready_since is not None
        and (starts := [each.running_since for each in pod.containers if each.running_since])
    ]
    return min((each for each in took if each <= SLOW_START), default=0.0)


def _never_since_its_start(pod: Pod, container: Container) -> bool:
    """Return whether a container whose start-up probe has passed was never ready after that.

    One that was ready and is so no more may wait for another: it keeps the longer time.
    """
    if container.started_at is None:
        return False
    return pod.ready_since is None or pod.ready_since <= container.started_at


def _since(pod: Pod, own: Sequence[Container]) -> dt.datetime | None:
    """Return since when all containers run and the pod is not ready; None if not all do."""
    starts = [each.running_since for each in own if each.running_since is not None]
    if not starts or len(starts) < len(own):
        return None
    return max([*starts, *([pod.ready_since] if pod.ready_since else [])])
