"""The real API server, behind the protocols of ``interface``."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from ooda.common.cluster import accounts
from ooda.common.cluster.connection import connect
from ooda.common.cluster.informer import follow
from ooda.common.cluster.interface import Conflict, Object, WatchEvent, refuse_others
from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.paging import list_all
from ooda.common.cluster.requests import JSON_PATCH, Requests
from ooda.common.fault_probes import AccessRule
from ooda.common.settings import ClusterSettings


class ApiServer:
    """Reader, writer and watcher of one cluster, who also knows what accounts are allowed."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: ClusterSettings) -> AsyncIterator[Self]:
        """Be connected for as long as the block lasts; nothing is asked yet.

        Raises UnreachableError if there is no usable configuration.
        """
        async with await connect(settings) as api:
            api.configuration.client_go_retries = False
            yield cls(Requests(api))

    async def identity(self) -> str:
        """Return the UID of kube-system, which tells this cluster from every other.

        Raises ClusterError.
        """
        return str((await self.get(Kind.NAMESPACE, None, "kube-system"))["metadata"]["uid"])

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """See ClusterReader."""
        return await self._requests.json("GET", kind.path(namespace, name))

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Sequence[Object]:
        """See ClusterReader."""
        query = {}
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        if fields:
            query["fieldSelector"] = ",".join(f"{key}={value}" for key, value in fields.items())
        found, _ = await list_all(self._requests, kind.path(namespace), query)
        return found

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int = 100,
        limit_bytes: int = 64 * 1024,
        timestamps: bool = False,
    ) -> str:
        """See ClusterReader."""
        query = {
            "container": container,
            "previous": str(previous).lower(),
            "tailLines": str(tail_lines),
        }
        if timestamps:
            query["timestamps"] = "true"
        path = Kind.POD.path(namespace, pod) + "/log"
        return await self._requests.tail(path, query, limit_bytes)

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
        return await self._patch(kind.path(namespace, name), operations, dry_run=dry_run)

    async def resize(
        self,
        namespace: str | None,
        pod: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
    ) -> Object:
        """See ClusterWriter."""
        path = Kind.POD.path(namespace, pod) + "/resize"
        return await self._patch(path, operations, dry_run=dry_run)

    async def _patch(
        self, path: str, operations: Sequence[Mapping[str, Any]], *, dry_run: bool
    ) -> Object:
        refuse_others(operations)
        return await self._requests.json("PATCH", path, _dry(dry_run), list(operations), JSON_PATCH)

    async def create(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        """See ClusterWriter."""
        path = kind.path(body["metadata"].get("namespace"))
        return await self._requests.json("POST", path, _dry(dry_run), body)

    async def replace(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        """See ClusterWriter."""
        meta = body["metadata"]
        path = kind.path(meta.get("namespace"), meta["name"])
        return await self._requests.json("PUT", path, _dry(dry_run), body)

    async def delete(
        self, kind: Kind, namespace: str | None, name: str, *, uid: str, dry_run: bool = False
    ) -> None:
        """See ClusterWriter."""
        await self._requests.json(
            "DELETE", kind.path(namespace, name), body=_delete_options(uid, dry_run=dry_run)
        )

    async def evict(self, namespace: str, pod: str, *, uid: str, dry_run: bool = False) -> None:
        """See ClusterWriter."""
        found = await self.get(Kind.POD, namespace, pod)
        if found["metadata"]["uid"] != uid:  # asked first: the server tries again for ten seconds
            raise Conflict(f"Pod {namespace}/{pod} has another UID")
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
            "deleteOptions": _delete_options(uid, dry_run=dry_run),
        }
        await self._requests.json("POST", Kind.POD.path(namespace, pod) + "/eviction", body=body)

    def watch(self, kind: Kind, namespace: str | None = None) -> AsyncIterator[WatchEvent]:
        """See ClusterWatcher."""
        return follow(self._requests, kind, namespace)

    async def may(self, namespace: str, account: str, rule: AccessRule) -> bool:
        """See ClusterAccounts."""
        return await accounts.may(self._requests, namespace, account, rule)

    async def is_let_in(self, namespace: str, account: str, rule: AccessRule) -> bool:
        """See ClusterAccounts."""
        return await accounts.is_let_in(self._requests, namespace, account, rule)


def _dry(dry_run: bool) -> dict[str, str]:  # noqa: FBT001 - one word of a request
    return {"dryRun": "All"} if dry_run else {}


def _delete_options(uid: str, *, dry_run: bool) -> dict[str, Any]:
    """Return the body of a deletion, which is where a dry run has to be said.

    As a parameter of the URL it is not heard when there is a body, and the object is gone.
    """
    options: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": uid},
    }
    return options | ({"dryRun": ["All"]} if dry_run else {})
