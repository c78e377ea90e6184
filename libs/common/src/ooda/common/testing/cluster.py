"""A cluster in memory, behind the same protocols as the real one and held to the same suite.

It knows objects, not what controllers make of them: a Deployment that is patched here gets no pods.
"""

import asyncio
import copy
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ooda.common.cluster.interface import (
    Alive,
    Conflict,
    Delta,
    NotFound,
    Object,
    Refused,
    Synced,
    Unavailable,
    WatchEvent,
    refuse_others,
)
from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.log_tail import LogTail
from ooda.common.fault_probes import AccessRule
from ooda.common.testing.budgets import forbids
from ooda.common.testing.json_patch import operate

_Key = tuple[Kind, str, str]
_Watchers = list[tuple[Kind, str | None, "asyncio.Queue[WatchEvent]"]]


class FakeCluster:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        """Every change that was really made, such as ``patch Deployment default/web``."""
        self._objects: dict[_Key, dict[str, Any]] = {}
        self._logs: dict[tuple[str, str, str, bool], str] = {}
        self._watchers: _Watchers = []
        self._version = 0
        self._here = asyncio.Event()
        self._here.set()
        self._refused: set[str] = set()
        self._lacking: set[Kind] = set()

    # --- what a test does ---

    def put(self, kind: Kind, body: Mapping[str, Any]) -> Object:
        """Create or replace an object, as if somebody else had done it."""
        key = _key(kind, body["metadata"].get("namespace"), body["metadata"]["name"])
        known = self._objects.get(key)
        thing = copy.deepcopy(dict(body)) | {"apiVersion": kind.api_version, "kind": kind.value}
        thing["metadata"].setdefault(
            "uid", known["metadata"]["uid"] if known else str(uuid.uuid4())
        )
        return self._store(key, thing)

    def remove(self, kind: Kind, namespace: str | None, name: str) -> None:
        """Delete an object, as if somebody else had done it."""
        thing = self._objects.pop(_key(kind, namespace, name))
        self._tell(kind, "deleted", thing)

    def set_logs(
        self, namespace: str, pod: str, container: str, text: str, *, previous: bool = False
    ) -> None:
        """Give a container a log."""
        self._logs[namespace, pod, container, previous] = text

    def set_unavailable(self, away: bool) -> None:  # noqa: FBT001 - a switch
        """Have every request fail as if the server were away, or let it answer again.

        A watch tells nothing while it is away, and then what was missed.
        """
        if away:
            self._here.clear()
            return
        self._here.set()
        for kind, _, told in self._watchers:
            told.put_nowait(Alive(kind))

    def refuse(self, verb: str, kind: Kind) -> None:
        """Have one kind of request refused, as RBAC would."""
        self._refused.add(f"{verb} {kind}")

    def lack(self, *kinds: Kind) -> None:
        """Have no CustomResourceDefinition of these kinds: whatever is asked of one is NotFound."""
        self._lacking = set(kinds)

    # --- ClusterReader ---

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """See ClusterReader."""
        self._admit("get", kind)
        return copy.deepcopy(self._find(kind, namespace, name))

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Sequence[Object]:
        """See ClusterReader."""
        self._admit("list", kind)
        return [
            copy.deepcopy(thing)
            for (each, place, _), thing in sorted(self._objects.items())
            if each is kind
            and namespace in (None, place)
            and (labels or {}).items() <= (thing["metadata"].get("labels") or {}).items()
            and all(_field(thing, path) == value for path, value in (fields or {}).items())
        ]

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int = 100,
        limit_bytes: int = 64 * 1024,
        timestamps: bool = False,  # noqa: ARG002 - a log that was given is as it was given
    ) -> str:
        """See ClusterReader."""
        self._admit("get", Kind.POD)
        self._find(Kind.POD, namespace, pod)
        text = self._logs.get((namespace, pod, container, previous))
        if text is None and previous:
            raise Refused(f"previous terminated container {container} in pod {pod} not found")
        kept = LogTail(limit_bytes)
        for line in (text or "").splitlines(keepends=True)[-tail_lines:]:
            kept.feed(line.encode())
        return kept.text()

    # --- ClusterWriter ---

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
    ) -> Object:
        """See ClusterWriter."""
        refuse_others(operations)
        self._admit("patch", kind)
        return self._patched("patch", _key(kind, namespace, name), operations, dry_run=dry_run)

    async def resize(
        self,
        namespace: str | None,
        pod: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
    ) -> Object:
        """See ClusterWriter. The spec's generation is counted up, as the real one does."""
        refuse_others(operations)
        self._admit("resize", Kind.POD)
        key = _key(Kind.POD, namespace, pod)
        return self._patched("resize", key, operations, dry_run=dry_run)

    async def create(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        """See ClusterWriter."""
        self._admit("create", kind)
        meta = body["metadata"]
        key = _key(kind, meta.get("namespace"), meta["name"])
        if key in self._objects:
            raise Conflict(f"{kind} {meta['name']} already exists")
        thing = copy.deepcopy(dict(body))
        thing["metadata"]["uid"] = str(uuid.uuid4())
        if dry_run:
            return thing
        self.writes.append(f"create {kind} {meta.get('namespace')}/{meta['name']}")
        return copy.deepcopy(self._store(key, thing))

    async def replace(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        """See ClusterWriter."""
        self._admit("update", kind)
        meta = body["metadata"]
        known = self._find(kind, meta.get("namespace"), meta["name"])
        stale = meta.get("resourceVersion", known["metadata"]["resourceVersion"])
        if stale != known["metadata"]["resourceVersion"]:
            raise Conflict(f"{kind} {meta['name']} was changed by somebody else")
        thing = copy.deepcopy(dict(body))
        thing["metadata"]["uid"] = known["metadata"]["uid"]
        if dry_run:
            return thing
        self.writes.append(f"replace {kind} {meta.get('namespace')}/{meta['name']}")
        return copy.deepcopy(self._store(_key(kind, meta.get("namespace"), meta["name"]), thing))

    async def delete(
        self, kind: Kind, namespace: str | None, name: str, *, uid: str, dry_run: bool = False
    ) -> None:
        """See ClusterWriter."""
        self._admit("delete", kind)
        found = self._find(kind, namespace, name)
        if found["metadata"]["uid"] != uid:
            raise Conflict(f"{kind} {name} has another UID")
        if not dry_run:
            self.writes.append(f"delete {kind} {namespace}/{name}")
            self.remove(kind, namespace, name)

    async def evict(self, namespace: str, pod: str, *, uid: str, dry_run: bool = False) -> None:
        """See ClusterWriter. A PodDisruptionBudget that was put here forbids as a real one does."""
        self._admit("delete", Kind.POD)
        found = self._find(Kind.POD, namespace, pod)
        if found["metadata"]["uid"] != uid:
            raise Conflict(f"Pod {pod} has another UID")
        pods, budgets = self._all(Kind.POD), self._all(Kind.POD_DISRUPTION_BUDGET)
        if any(forbids(each, found, pods) for each in budgets):
            raise Unavailable(f"a disruption budget forbids to evict pod {pod} now")
        await self.delete(Kind.POD, namespace, pod, uid=uid, dry_run=dry_run)

    # --- ClusterWatcher ---

    async def watch(self, kind: Kind, namespace: str | None = None) -> AsyncIterator[WatchEvent]:
        """See ClusterWatcher."""
        if f"watch {kind}" in self._refused:
            raise Refused(f"may not watch {kind}")
        if kind in self._lacking:
            raise NotFound(f"the server has no {kind}")
        await self._here.wait()
        told: asyncio.Queue[WatchEvent] = asyncio.Queue()
        for (each, place, _), thing in tuple(self._objects.items()):
            if each is kind and namespace in (None, place):
                told.put_nowait(Delta(kind, "added", copy.deepcopy(thing)))
        told.put_nowait(Synced(kind))
        told.put_nowait(Alive(kind))
        watcher = (kind, namespace, told)
        self._watchers.append(watcher)
        try:
            while True:
                event = await told.get()
                await self._here.wait()
                yield event
        finally:
            self._watchers.remove(watcher)

    # --- ClusterAccounts ---

    async def may(self, namespace: str, account: str, rule: AccessRule) -> bool:
        """See ClusterAccounts. Roles that were put here allow, through their bindings."""
        if not self._here.is_set():
            raise Unavailable("the API server does not answer")
        bound = {
            each["roleRef"]["name"]
            for each in await self.list(Kind.ROLE_BINDING, namespace)
            for subject in each.get("subjects") or ()
            if (subject["kind"], subject["name"]) == ("ServiceAccount", account)
        }
        rules = [
            each
            for role in await self.list(Kind.ROLE, namespace)
            if role["metadata"]["name"] in bound
            for each in role.get("rules") or ()
        ]
        return any(
            rule.verb in each["verbs"]
            and rule.resource in each["resources"]
            and rule.group in each["apiGroups"]
            and rule.name in (each.get("resourceNames") or [rule.name])
            for each in rules
        )

    async def is_let_in(self, namespace: str, account: str, rule: AccessRule) -> bool:
        """See ClusterAccounts: the same, for here are no requests."""
        return await self.may(namespace, account, rule)

    # --- within ---

    def _admit(self, verb: str, kind: Kind) -> None:
        if not self._here.is_set():
            raise Unavailable("the API server does not answer")
        if f"{verb} {kind}" in self._refused:
            raise Refused(f"may not {verb} {kind}")
        if kind in self._lacking:
            raise NotFound(f"the server has no {kind}")

    def _patched(
        self, verb: str, key: _Key, operations: Sequence[Mapping[str, Any]], *, dry_run: bool
    ) -> Object:
        kind, namespace, name = key
        thing = copy.deepcopy(self._find(kind, namespace, name))
        for operation in operations:
            operate(thing, operation)
        if verb == "resize":
            thing["metadata"]["generation"] = thing["metadata"].get("generation", 1) + 1
        if dry_run:
            return thing
        self.writes.append(f"{verb} {kind} {namespace or None}/{name}")
        return copy.deepcopy(self._store(key, thing))

    def _all(self, kind: Kind) -> Sequence[Object]:
        return [thing for (each, _, _), thing in self._objects.items() if each is kind]

    def _find(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any]:
        thing = self._objects.get(_key(kind, namespace, name))
        if thing is None:
            raise NotFound(f"{kind} {namespace}/{name} not found")
        return thing

    def _store(self, key: _Key, thing: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        known = self._objects.get(key)
        thing["metadata"]["resourceVersion"] = str(self._version)
        self._objects[key] = thing
        self._tell(key[0], "modified" if known else "added", thing)
        return thing

    def _tell(self, kind: Kind, change: Any, thing: dict[str, Any]) -> None:
        for each, namespace, told in self._watchers:
            if each is kind and namespace in (None, thing["metadata"].get("namespace", "")):
                told.put_nowait(Delta(kind, change, copy.deepcopy(thing)))


def _key(kind: Kind, namespace: str | None, name: str) -> _Key:
    return kind, namespace or "", name


def _field(thing: Mapping[str, Any], path: str) -> str:
    value: Any = thing
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)
