"""A cluster in memory for the actor: objects, JSON patches with their tests, UIDs, dry runs."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ooda.actor.core.pointers import value_at
from ooda.common.cluster.interface import ClusterError, Conflict, NotFound, Object
from ooda.common.cluster.kinds import Kind

Key = tuple[Kind, str | None, str]


def json_patch(document: Object, operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Apply a patch of tests, adds, replacements and removals as the API server does.

    Raises Conflict if a test fails; a test for null matches an absent field.
    """
    patched: dict[str, Any] = copy.deepcopy(dict(document))
    for each in operations:
        path, value = each["path"], copy.deepcopy(each.get("value"))
        parent, _, last = path.rpartition("/")
        key = last.replace("~1", "/").replace("~0", "~")
        match each["op"]:
            case "test" if value_at(patched, path) != value:
                raise Conflict(f"the test of {path} failed")
            case "add" | "replace":
                value_at(patched, parent)[key] = value
            case "remove":
                del value_at(patched, parent)[key]
    return patched


class ActorCluster:
    """Keeps what it is given; counts the writes that it accepted."""

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.calls: list[str] = []
        self.failures: dict[str, ClusterError] = {}
        """By call, such as ``get ConfigMap`` or ``patch``."""

    def put(self, kind: Kind, found: dict[str, Any]) -> None:
        metadata = found["metadata"]
        self.objects[kind, metadata.get("namespace"), metadata["name"]] = found

    async def called(self, call: str) -> None:
        self.calls.append(call)
        if call in self.failures:
            raise self.failures[call]

    async def wrote(self, call: str) -> None:
        self.writes.append(call)

    def _find(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any]:
        try:
            return self.objects[kind, namespace, name]
        except KeyError:
            raise NotFound(f"{kind} {namespace}/{name} is not there") from None

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        await self.called(f"get {kind}")
        return copy.deepcopy(self._find(kind, namespace, name))

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Sequence[Object]:
        raise AssertionError(f"the actor lists {kind} {namespace} {labels} {fields}")

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int = 100,
        limit_bytes: int = 64 * 1024,
    ) -> str:
        raise AssertionError(f"{namespace}/{pod}/{container} {previous} {tail_lines} {limit_bytes}")

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
    ) -> Object:
        await self.called("dry run" if dry_run else "patch")
        patched = json_patch(self._find(kind, namespace, name), operations)
        if not dry_run:
            patched["metadata"]["generation"] = patched["metadata"].get("generation", 0) + 1
            self.objects[kind, namespace, name] = patched
            await self.wrote(f"patch {name}")
        return patched

    async def create(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        await self.called("dry run" if dry_run else "create")
        metadata = body["metadata"]
        key = (kind, metadata["namespace"], metadata["name"])
        if key in self.objects:
            raise Conflict(f"{kind} {metadata['name']} exists")
        if not dry_run:
            self.objects[key] = dict(body)
            await self.wrote(f"create {metadata['name']}")
        return body

    async def replace(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        raise AssertionError(f"the actor replaces {kind} {body} {dry_run}")

    async def delete(
        self, kind: Kind, namespace: str | None, name: str, *, uid: str, dry_run: bool = False
    ) -> None:
        await self.called("dry run" if dry_run else "delete")
        if self._find(kind, namespace, name)["metadata"]["uid"] != uid:
            raise Conflict(f"{kind} {name} is another one")
        if not dry_run:
            del self.objects[kind, namespace, name]
            await self.wrote(f"delete {name}")

    async def evict(self, namespace: str, pod: str, *, uid: str, dry_run: bool = False) -> None:
        await self.delete(Kind.POD, namespace, pod, uid=uid, dry_run=dry_run)
