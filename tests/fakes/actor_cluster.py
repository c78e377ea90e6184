"""The cluster in memory, watched: which calls the actor made, and failures on demand."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ooda.actor.core.pointers import value_at
from ooda.common.cluster.interface import ClusterError, Conflict, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.testing.cluster import FakeCluster


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


class ActorCluster(FakeCluster):
    """Keeps the calls in order; a call such as ``get ConfigMap`` or ``patch`` can be made fail."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.failures: dict[str, ClusterError] = {}
        self.rigid = False
        """Whether the kubelet says of every resize that it cannot."""

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if call in self.failures:
            raise self.failures[call]

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        self._called(f"get {kind}")
        return await super().get(kind, namespace, name)

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
    ) -> Object:
        self._called("dry run" if dry_run else "patch")
        return await super().patch(kind, namespace, name, operations, dry_run=dry_run)

    async def resize(
        self,
        namespace: str | None,
        pod: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
    ) -> Object:
        """Resize, and do or refuse at once what the kubelet does in its time."""
        self._called("resize dry" if dry_run else "resize")
        found = await super().resize(namespace, pod, operations, dry_run=dry_run)
        if not dry_run:
            self.put(Kind.POD, self._told(found))
        return found

    def _told(self, pod: Object) -> dict[str, Any]:
        told = copy.deepcopy(dict(pod))
        if self.rigid:
            cannot = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
            told["status"]["conditions"] = [cannot]
        else:
            for spec, status in zip(
                told["spec"]["containers"], told["status"]["containerStatuses"], strict=True
            ):
                status["resources"] = spec["resources"]
        return told

    async def delete(
        self, kind: Kind, namespace: str | None, name: str, *, uid: str, dry_run: bool = False
    ) -> None:
        self._called("dry run" if dry_run else "delete")
        await super().delete(kind, namespace, name, uid=uid, dry_run=dry_run)
