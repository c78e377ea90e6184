"""What the state of a workload's objects says. Pure."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ooda.orienter.core.findings import Seen
from ooda.orienter.core.objects import Container, Pod, Workload
from ooda.orienter.core.refusals import over_quota, refused
from ooda.orienter.core.signs import Sign

PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
CONFIG = frozenset({"CreateContainerConfigError"})
CRASH = "CrashLoopBackOff"
OOM = "OOMKilled"

SIGNALLED = frozenset({137, 143})
"""Exit codes after SIGKILL and SIGTERM: 128 plus the signal's number."""

MANY_RESTARTS = 2

START = dt.timedelta(seconds=30)
"""What every start may take; the observer flags none that is younger."""

RECENT = dt.timedelta(minutes=10)
"""A container that ended longer ago and runs since has recovered."""


@dataclass(frozen=True, slots=True)
class WorkloadState:
    """What was read of one workload."""

    workload: Workload
    pods: Sequence[Pod]
    at: dt.datetime
    minimum: int
    """Replicas below which it is short."""
    lost_pod: str | None = None
    """A pod that an anomaly says is gone."""
    pulled_elsewhere: frozenset[tuple[str, str]] = frozenset()
    """(image, node) of containers that run, of any workload of the namespace."""


def inspect_state(state: WorkloadState) -> Seen:
    """Return the signs of one workload, with a line per pod that is in trouble."""
    pods = [pod for pod in state.pods if not pod.terminating]
    signs = (
        container_signs(pods, state.at, state.pulled_elsewhere)
        | _replicas(state, pods)
        | _lost(state, pods)
    )
    signs |= _revisions(pods)
    if not signs - {Sign.ENOUGH_DESIRED, Sign.ROLLING_OUT} and _all_ready(state.workload, pods):
        signs |= {Sign.ALL_READY}
    return Seen(frozenset(signs), _excerpt(state, pods))


def container_signs(
    pods: Sequence[Pod], at: dt.datetime, pulled_elsewhere: frozenset[tuple[str, str]]
) -> set[Sign]:
    """Return what containers say of themselves: what they wait for, how they ended."""
    signs: set[Sign] = set()
    for pod in pods:
        if pod.unschedulable:
            signs.add(Sign.UNSCHEDULABLE)
        for container in pod.containers:
            signs |= _container(container, at)
    if _pulls_fail(pods):
        signs.add(_pull_sign(pods, pulled_elsewhere))
    elif not signs and any(_answers_not(pod, at) for pod in pods):
        signs.add(Sign.NEVER_READY)
    return signs


def _container(container: Container, now: dt.datetime) -> set[Sign]:
    if container.waiting in CONFIG:
        return {Sign.CONFIG_MISSING}
    looping = container.waiting == CRASH
    failed = container.exit_code not in (None, 0)
    if not looping and not failed and container.restarts < MANY_RESTARTS:
        return set()
    if container.ready and container.ended_at and now - container.ended_at > RECENT:
        return set()
    signs: set[Sign] = set()
    if looping:
        signs.add(Sign.CRASH_BACK_OFF)
    elif not container.ready or container.restarts >= MANY_RESTARTS:
        signs.add(Sign.CRASHED)
    if container.exit_reason == OOM:
        limited = container.memory_limited
        return signs | {Sign.OOM_KILLED if limited else Sign.OOM_WITHOUT_LIMIT}
    if container.exit_code in SIGNALLED and not container.ready:
        signs.add(Sign.KILLED_FROM_OUTSIDE)
    return signs | {Sign.ENDED_WITHOUT_OOM} if signs else set()


def _pulls_fail(pods: Sequence[Pod]) -> list[tuple[Pod, Container]]:
    return [(pod, each) for pod in pods for each in pod.containers if each.waiting in PULL]


def _pull_sign(pods: Sequence[Pod], pulled_elsewhere: frozenset[tuple[str, str]]) -> Sign:
    """Tell a bad image from a bad node: the very same image runs on another node."""
    failing = _pulls_fail(pods)
    nodes = {pod.node for pod, _ in failing}
    everywhere = all(
        any(image == each.image and node not in nodes for image, node in pulled_elsewhere)
        for _, each in failing
    )
    one = len(nodes) == 1 and None not in nodes
    return Sign.PULL_FAILING_ON_ONE_NODE if one and everywhere else Sign.PULL_FAILING


def _answers_not(pod: Pod, now: dt.datetime) -> bool:
    """Return whether all of a pod runs, never crashed, and is not ready; not of one that starts."""
    return bool(pod.containers) and not pod.ready and all(
        each.running
        and each.restarts == 0
        and (each.running_since is None or now - each.running_since >= START)
        for each in pod.containers
    )  # fmt: skip


def _replicas(state: WorkloadState, pods: Sequence[Pod]) -> set[Sign]:
    workload, signs = state.workload, set[Sign]()
    if workload.kind == "DaemonSet" and workload.desired == 0:
        # It has no number of its own: its template says where it is to run.
        signs.add(Sign.SCHEDULED_NOWHERE)
    elif workload.desired is not None and workload.desired < state.minimum:
        signs.add(Sign.DESIRED_BELOW_MINIMUM)
    else:
        signs.add(Sign.ENOUGH_DESIRED)
    if workload.denied and over_quota(workload.denied):
        signs.add(Sign.QUOTA_DENIED)
    elif workload.denied and refused(workload.denied):
        signs.add(Sign.POD_REFUSED)
    mixed = len({pod.template_hash for pod in pods}) > 1
    if workload.rolling_out or (mixed and not workload.by_hand):
        signs.add(Sign.ROLLING_OUT)
    return signs


def _revisions(pods: Sequence[Pod]) -> set[Sign]:
    """Return whether it depends on the template how pods are."""
    failing = {pod.template_hash for pod in pods if pod.in_trouble}
    serving = {pod.template_hash for pod in pods if pod.ready}
    apart = len(failing) == 1 and bool(serving) and not failing & serving
    return {Sign.ONLY_NEW_FAILS} if apart else set()


def _lost(state: WorkloadState, pods: Sequence[Pod]) -> set[Sign]:
    """Return whether a pod that went has a successor; one that is still there was not lost.

    The minimum counts, not what is desired now: of a workload that was scaled below it as many
    pods as it asks for are left, and none of them took the place of the one that went.
    """
    if state.lost_pod is None or not state.workload.desired:
        return set()
    if any(pod.name == state.lost_pod for pod in pods):
        return set()
    if len(pods) >= max(state.workload.desired, state.minimum):
        return {Sign.POD_REPLACED}
    leaving = any(pod.name == state.lost_pod for pod in state.pods)
    if leaving and state.workload.kind == "StatefulSet":
        return set()  # its successor has the same name, and is made only when it is gone
    return {Sign.POD_NOT_REPLACED}


def _all_ready(workload: Workload, pods: Sequence[Pod]) -> bool:
    return workload.ready >= (workload.desired or 0) and all(pod.ready for pod in pods)


def _excerpt(state: WorkloadState, pods: Sequence[Pod]) -> str:
    workload = state.workload
    head = (
        f"{workload.kind} {workload.name}: {workload.ready} of {workload.desired} ready, "
        f"{workload.updated} of the newest template, minimum {state.minimum}"
    )
    lines = [head, workload.denied] if workload.denied else [head]
    lines += [line(pod) for pod in pods if pod.in_trouble or not pod.ready]
    by_node = Counter(pod.node or "no node" for pod in pods)
    if by_node:
        lines.append(
            "placed on " + ", ".join(f"{node}: {n}" for node, n in sorted(by_node.items()))
        )
    return "\n".join(lines)


def line(pod: Pod) -> str:
    """Return one line about a pod, for a person."""
    parts = [
        f"{each.name} ({each.image}) waiting {each.waiting or '-'}, "
        f"exit {'-' if each.exit_code is None else each.exit_code} {each.exit_reason or ''}, "
        f"{each.restarts} restarts"
        for each in pod.containers
    ]
    return f"{pod.name} on {pod.node or 'no node'}: {pod.phase}; " + "; ".join(parts)
