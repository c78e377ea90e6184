"""Signals of containers: image pull, crash loop, stuck. Each is a function of pods alone."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from ooda.common.taxonomy import Signal
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.history import CRASH_WINDOW, seconds
from ooda.observer.core.onset import CANNOT_PULL, CANNOT_START, WAITS, newest, onset
from ooda.observer.core.state import Crash
from ooda.observer.core.views import Container, Occurrence, Pod

Heard = Mapping[str, Sequence[Occurrence]]
"""Events by pod."""

IMAGE_PULL = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "ImageInspectError",
        "SignatureValidationFailed",
    }
)
STUCK = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreCreateHookError",
        "PreStartHookError",
        "PostStartHookError",
        "CreatePodSandboxError",
        "ConfigPodSandboxError",
    }
)
CRASH_BACK_OFF = "CrashLoopBackOff"
CREATING = ("ContainerCreating", "PodInitializing")
CRASHES_IN_A_LOOP = 2
STABLE_SECONDS = 10.0
"""How long a container that was in a loop has to run, ready, until it counts as out of it."""
STABLE_FACTOR = 2.0
"""And so many times as long as it ever ran within the loop: one that lives for 20 s each time is
not stable after ten."""
KUBELET_PATIENCE = 20.0
"""Seconds that a pod may wait for volumes or a network before a warning about it counts."""


def image_pull(pods: Sequence[Pod], heard: Heard) -> Iterator[Deviation]:
    """Yield containers whose image cannot be had."""
    for pod, container in _first_per_container(pods, IMAGE_PULL):
        failing = {p.node for p, c in _waiting(pods, IMAGE_PULL) if c.image == container.image}
        running = {
            each.node
            for each in pods
            for c in each.containers
            if c.image == container.image and (c.running_since or c.terminated)
        }
        where = f", pod {pod.meta.name}" + (f" on node {pod.node}" if pod.node else "")
        yield Deviation(
            Signal.IMAGE_PULL,
            container.name,
            onset(pod, container, heard.get(pod.meta.name, ()), CANNOT_PULL),
            f"cannot pull image {container.image} ({container.waiting}){where}",
            observed(
                container=container.name,
                image=container.image,
                reason=container.waiting,
                message=container.message,
                revision=pod.revision,
                nodes_failing=_names(failing),
                nodes_running=_names(running),
            ),
            pod,
        )


def crash_loop(
    pods: Sequence[Pod],
    crashes: Sequence[Crash],
    flagged: Mapping[str, dt.datetime],
    now: dt.datetime,
) -> Iterator[Deviation]:
    """Yield containers that end with an error again and again, and are not stable since.

    For one that is flagged already, since a time, a single end after that time keeps it so until
    it is stable: the flag may come from a back-off, whose earlier ends the kubelet has forgotten.
    An end before that time is no part of this loop, such as the only one of an older healthy pod.
    """
    told: set[str] = set()
    for pod in alive(pods):
        for container in pod.containers:
            mine = [
                each
                for each in crashes
                if (each.uid, each.container) == (pod.meta.uid, container.name)
                and seconds(each.at, now) <= CRASH_WINDOW
                and not each.outgrown(container)
            ]
            since = flagged.get(container.name)
            again = since is not None and any(each.at >= since for each in mine)
            ends = 1 if again else CRASHES_IN_A_LOOP
            if container.name in told or not _looping(pod, container, mine, now, ends=ends):
                continue
            told.add(container.name)
            yield Deviation(
                Signal.CRASH_LOOP,
                container.name,
                min((each.at for each in mine), default=container.finished_at),
                f"crashes again and again: container {container.name} of pod {pod.meta.name} "
                f"ended with exit code {container.exit_code} "
                f"({container.reason or 'no reason given'}), {container.restarts} restarts",
                observed(
                    container=container.name,
                    exit_code=container.exit_code,
                    reason=container.reason,
                    restarts=container.restarts,
                    image=container.image,
                    revision=pod.revision,
                ),
                pod,
            )


def _looping(
    pod: Pod, container: Container, crashes: Sequence[Crash], now: dt.datetime, *, ends: int
) -> bool:
    if container.waiting == CRASH_BACK_OFF:
        # The kubelet backs off after ends with success too; that is no crash of this container.
        return container.exit_code != 0
    if container.terminated and container.exit_code == 0:
        return False
    return len(crashes) >= ends and not stable(pod, container, crashes, now)


def stable(pod: Pod, container: Container, crashes: Sequence[Crash], now: dt.datetime) -> bool:
    """Return whether a container that ended so often runs well for longer than it ever did."""
    if container.running_since is None or not container.ready:
        return False
    # How long it ran before the loop began says nothing of how long it lives within it.
    within = sorted(crashes, key=lambda each: each.at)[1:] or crashes
    longest = max(each.ran_seconds for each in within)
    since = max(container.running_since, pod.ready_since or container.running_since)
    return seconds(since, now) >= max(STABLE_SECONDS, STABLE_FACTOR * longest)


def container_stuck(pods: Sequence[Pod], heard: Heard, now: dt.datetime) -> Iterator[Deviation]:
    """Yield containers that the kubelet cannot create or start."""
    for pod, container in _first_per_container(pods, STUCK):
        since = onset(pod, container, heard.get(pod.meta.name, ()), CANNOT_START)
        yield _stuck(pod, container, since, container.waiting or "", container.message)
    told: set[str] = set()
    for pod, container in _waiting(pods, frozenset(CREATING)):
        mine, created = heard.get(pod.meta.name, ()), pod.meta.created_at
        last = newest(mine, pod.meta.uid)
        late = created is not None and seconds(created, now) >= KUBELET_PATIENCE
        if last is not None and late and container.name not in told and not container.init:
            told.add(container.name)
            since = onset(pod, container, mine, WAITS)
            yield _stuck(pod, container, since, last.reason, last.note)


def _stuck(
    pod: Pod, container: Container, since: dt.datetime | None, reason: str, message: str
) -> Deviation:
    return Deviation(
        Signal.CONTAINER_STUCK,
        container.name,
        since,
        f"cannot start container {container.name} ({reason}), pod {pod.meta.name}",
        observed(
            container=container.name,
            image=container.image,
            reason=reason,
            message=message,
            revision=pod.revision,
        ),
        pod,
    )


def alive(pods: Sequence[Pod]) -> Iterator[Pod]:
    """Return the pods that are neither leaving nor over."""
    return (each for each in pods if each.meta.deleted_at is None and not each.over)


def _waiting(pods: Sequence[Pod], reasons: frozenset[str]) -> Iterator[tuple[Pod, Container]]:
    for pod in alive(pods):
        for container in pod.containers:
            if container.waiting in reasons:
                yield pod, container


def _first_per_container(
    pods: Sequence[Pod], reasons: frozenset[str]
) -> Iterator[tuple[Pod, Container]]:
    told: set[str] = set()
    for pod, container in _waiting(pods, reasons):
        if container.name not in told:
            told.add(container.name)
            yield pod, container


def _names(nodes: set[str | None]) -> str:
    return ", ".join(sorted(each for each in nodes if each))
