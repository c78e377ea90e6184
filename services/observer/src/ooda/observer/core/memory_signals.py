"""The signal of containers that the kernel killed for memory: again, or without coming back.

``crash_loop`` counts the ends of one pod within ten minutes. Kills for memory tell more: two
replicas that are killed once each have the same limit and the same load, and a leak kills a pod
that looks well every half hour. One kill that the container gets over is no failure.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from ooda.common.taxonomy import Signal
from ooda.observer.core.container_signals import CRASH_BACK_OFF, alive, stable
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.history import OOM_WINDOW, seconds
from ooda.observer.core.state import Crash
from ooda.observer.core.views import OOM, Container, Pod

KILLS_THAT_COUNT = 2


def oom_killed(
    pods: Sequence[Pod],
    crashes: Sequence[Crash],
    flagged: Mapping[str, dt.datetime],
    now: dt.datetime,
) -> Iterator[Deviation]:
    """Yield containers that are killed for memory again and again, or are not back after it.

    For one that is flagged already, since a time, a single kill after that time keeps it so until
    it is stable. Kills of pods that are gone do not count, nor those with a limit that was raised
    since: by now they have another one.
    """
    there = {(pod.meta.uid, each.name): each for pod in alive(pods) for each in pod.containers}
    kills = [
        each
        for each in crashes
        if each.oom
        and seconds(each.at, now) <= OOM_WINDOW
        and (container := there.get((each.uid, each.container))) is not None
        and not each.outgrown(container)
    ]
    told: set[str] = set()
    for pod, container in _killed(pods):
        name, since = container.name, flagged.get(container.name)
        mine = [each for each in kills if each.container == name]
        again = since is not None and any(each.at >= since for each in mine)
        enough = len(mine) >= (1 if again else KILLS_THAT_COUNT)
        own = [each for each in mine if each.uid == pod.meta.uid]
        unstable = enough and bool(own) and not stable(pod, container, own, now)
        if name in told or not (unstable or _down(container, now)):
            continue
        told.add(name)
        onset = min((each.at for each in mine), default=container.finished_at)
        yield _deviation(pod, container, onset, len(mine))


def _killed(pods: Sequence[Pod]) -> Iterator[tuple[Pod, Container]]:
    for pod in alive(pods):
        for container in pod.containers:
            if container.reason == OOM:
                yield pod, container


def _down(container: Container, now: dt.datetime) -> bool:
    """Return whether one kill alone is a failure: the kubelet backs off, or it is not back."""
    if container.waiting == CRASH_BACK_OFF:
        return True
    if container.ready or container.finished_at is None:
        return False
    late = seconds(container.finished_at, now)
    return container.start_budget <= late <= OOM_WINDOW


def _deviation(pod: Pod, container: Container, since: dt.datetime | None, kills: int) -> Deviation:
    return Deviation(
        Signal.OOM_KILLED,
        container.name,
        since,
        f"is killed for memory: container {container.name} of pod {pod.meta.name} "
        f"({OOM}, exit code {container.exit_code}), {container.restarts} restarts",
        observed(
            container=container.name,
            exit_code=container.exit_code,
            reason=container.reason,
            restarts=container.restarts,
            kills=kills,
            image=container.image,
            revision=pod.revision,
        ),
        pod,
    )
