"""A watch of our own: when it first shows that a fault bites, by the clock of this machine."""

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from e2e.live.shop import SHOP
from e2e.live.threads import in_a_thread
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Delta, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.settings import ClusterSettings

KINDS = (Kind.POD, Kind.DEPLOYMENT, Kind.REPLICA_SET, Kind.SERVICE)


@dataclass(frozen=True)
class Sight:
    """What the watch knows of the shop, and what it knew when the fault was made."""

    now: Mapping[tuple[Kind, str], Object]
    before: Mapping[tuple[Kind, str], Object]

    def pods(self, name: str) -> Sequence[Object]:
        """Return the pods of a workload of the shop."""
        return _pods(self.now, name)

    def pods_before(self, name: str) -> Sequence[Object]:
        """Return the pods that it had when the fault was made."""
        return _pods(self.before, name)


Shows = Callable[[Sight, str], bool]
"""Say whether objects show that the workload of a name is broken as was meant."""


def _pods(known: Mapping[tuple[Kind, str], Object], name: str) -> Sequence[Object]:
    return [
        each
        for (kind, _), each in known.items()
        if kind is Kind.POD and each["metadata"]["labels"].get("app.kubernetes.io/name") == name
    ]


def waits(*reasons: str) -> Shows:
    """Show a container that waits for one of these reasons."""
    return lambda sight, name: any(
        (status.get("state", {}).get("waiting") or {}).get("reason") in reasons
        for pod in sight.pods(name)
        for status in pod.get("status", {}).get("containerStatuses", ())
    )


def crashed_again(sight: Sight, name: str) -> bool:
    """Show a container that was started again since, and does not run."""
    before = {pod["metadata"]["uid"]: _restarts(pod) for pod in sight.pods_before(name)}
    return any(
        _restarts(pod) > before.get(pod["metadata"]["uid"], 0)
        and not all("running" in each.get("state", {}) for each in _statuses(pod))
        for pod in sight.pods(name)
    )


def out_of_memory(sight: Sight, name: str) -> bool:
    """Show a container that was ended for its memory."""
    return any(
        (each.get(state, {}).get("terminated") or {}).get("reason") == "OOMKilled"
        for pod in sight.pods(name)
        for each in _statuses(pod)
        for state in ("state", "lastState")
    )


def pod_gone(sight: Sight, name: str) -> bool:
    """Show that a pod is leaving, or has left."""
    here = {
        pod["metadata"]["uid"]
        for pod in sight.pods(name)
        if not pod["metadata"].get("deletionTimestamp")
    }
    return any(pod["metadata"]["uid"] not in here for pod in sight.pods_before(name))


def nobody_wanted(sight: Sight, name: str) -> bool:
    """Show a Deployment that is to have no pods."""
    return bool(sight.now[Kind.DEPLOYMENT, name]["spec"]["replicas"] == 0)


def no_room(sight: Sight, name: str) -> bool:
    """Show a pod that no node takes."""
    return any(
        each.get("reason") == "Unschedulable"
        for pod in sight.pods(name)
        for each in pod.get("status", {}).get("conditions") or ()
    )


def pod_refused(sight: Sight, name: str) -> bool:
    """Show a ReplicaSet whose pod the API server does not take."""
    return any(
        each.get("type") == "ReplicaFailure" and each.get("status") == "True"
        for (kind, _), found in sight.now.items()
        if kind is Kind.REPLICA_SET
        and found["metadata"]["labels"].get("app.kubernetes.io/name") == name
        for each in found.get("status", {}).get("conditions") or ()
    )


def service_changed(sight: Sight, name: str) -> bool:
    """Show a Service that selects otherwise than before."""
    key = (Kind.SERVICE, name)
    return bool(sight.now[key]["spec"]["selector"] != sight.before[key]["spec"]["selector"])


def _statuses(pod: Object) -> Sequence[Object]:
    found: Sequence[Object] = pod.get("status", {}).get("containerStatuses") or ()
    return found


def _restarts(pod: Object) -> int:
    return sum(each.get("restartCount", 0) for each in _statuses(pod))


@dataclass
class Eyes:
    """Follows the shop in a thread of its own."""

    _known: dict[tuple[Kind, str], Object] = field(default_factory=dict)
    _before: Mapping[tuple[Kind, str], Object] = field(default_factory=dict)
    _waited: dict[str, Shows] = field(default_factory=dict)
    _seen: dict[str, dt.datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look_for(self, shows: Shows | None, names: Sequence[str]) -> None:
        """Look from now on for what shows a fault, for each of these names."""
        with self._lock:
            self._before = dict(self._known)
            self._waited = {} if shows is None else dict.fromkeys(names, shows)
            self._seen = {}

    def first_seen(self, name: str) -> dt.datetime | None:
        """Return when it was first seen; None if it was not, or is not looked for."""
        with self._lock:
            return self._seen.get(name)

    async def follow(self, api: ApiServer, kind: Kind) -> None:
        """Keep up with one kind, for ever."""
        async for event in api.watch(kind, SHOP):
            if isinstance(event, Delta):
                self._take(kind, event)

    def _take(self, kind: Kind, event: Delta) -> None:
        key, now = (kind, str(event.object["metadata"]["name"])), SystemClock().now()
        with self._lock:
            if event.change == "deleted":
                self._known.pop(key, None)
            else:
                self._known[key] = event.object
            sight = Sight(self._known, self._before)
            for name, shows in self._waited.items():
                if name not in self._seen and shows(sight, name):
                    self._seen[name] = now


@contextmanager
def eyes(settings: ClusterSettings) -> Iterator[Eyes]:
    """Look in a thread of its own until the block ends."""
    found = Eyes()
    with in_a_thread(_look(settings, found), "eyes"):
        yield found


async def _look(settings: ClusterSettings, found: Eyes) -> None:
    async with ApiServer.connect(settings) as api, asyncio.TaskGroup() as tasks:
        for kind in KINDS:
            tasks.create_task(found.follow(api, kind))
