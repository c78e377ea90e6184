"""What the product asks of a cluster: three narrow protocols, and the errors they raise.

``ApiServer`` is the real one, ``FakeCluster`` the one for tests; one contract suite runs on both.

    ClusterError
    ├── NotFound        the object is not there
    ├── Conflict        UID, old value or resource version differ, or the object exists
    ├── Refused         not permitted: RBAC, an admission policy, an invalid object; do not retry
    └── Unavailable     no answer, or one that says "later"; retrying can help
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ooda.common.cluster.kinds import Kind
from ooda.common.fault_probes import AccessRule

Object = Mapping[str, Any]
"""An object as the API server has it in JSON."""


class ClusterError(Exception):
    """A request to the API server failed; the message says which and why."""


class NotFound(ClusterError):  # noqa: N818 - the API server's own word
    """The object is not there."""


class Conflict(ClusterError):  # noqa: N818 - the API server's own word
    """A precondition failed: somebody else changed or replaced the object."""


class Refused(ClusterError):  # noqa: N818 - what the API server does
    """Not permitted, or not valid: the same request will fail again."""


class Unavailable(ClusterError):  # noqa: N818 - what the API server is
    """No answer, or 'later': the same request may succeed."""


@dataclass(frozen=True, slots=True)
class Delta:
    """One change of one object. The first ones after a start are what was there."""

    kind: Kind
    change: Literal["added", "modified", "deleted"]
    object: Object


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything that was there has been told; from now on come changes."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Alive:
    """The watch answered (bookmark, event, question): what is known was true at this moment."""

    kind: Kind


WatchEvent = Delta | Synced | Alive


PATCH_OPERATIONS = frozenset({"add", "remove", "replace", "test"})
"""The operations of a JSON patch that the product uses."""


def refuse_others(operations: Sequence[Mapping[str, Any]]) -> None:
    """Raise Refused if there is an operation that is not in PATCH_OPERATIONS.

    The API server says of one that it does not know what it says of a ``test`` that failed.
    """
    others = {str(each.get("op")) for each in operations} - PATCH_OPERATIONS
    if others:
        raise Refused(f"not an operation of a JSON patch here: {', '.join(sorted(others))}")


class ClusterWatcher(Protocol):
    """Follows collections without ever listing them again in steady state."""

    def watch(self, kind: Kind, namespace: str | None = None) -> AsyncIterator[WatchEvent]:
        """Follow one kind, for ever: list once, then watch, and resume after a disconnect.

        A 410 lists again and yields only what differs, deletions included. It waits with growing
        pauses while the server is away, and never raises Unavailable. ``Alive`` comes at least
        every half minute while the connection lives. Raises Refused, and NotFound for a kind that
        the server does not have.
        """
        ...


class ClusterReader(Protocol):
    """Reads single objects and small collections."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """Return one object. Raises ClusterError."""
        ...

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Sequence[Object]:
        """Return the objects with these labels and fields. Raises ClusterError."""
        ...

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
        """Return the end of a container's log: of its last lines the last bytes (UTF-8).

        With ``timestamps`` each line begins with when it was written, in UTC by the node's clock.

        Raises ClusterError.
        """
        ...


class ClusterWriter(Protocol):
    """Changes objects; every call can be a dry run that the API server judges in full."""

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
    ) -> Object:
        """Apply a JSON patch (RFC 6902) and return the object after it.

        Raises Conflict if a ``test`` fails or a path is not there, Refused before anything is sent
        for an operation that is not in PATCH_OPERATIONS, ClusterError else.
        """
        ...

    async def resize(
        self,
        namespace: str | None,
        pod: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
    ) -> Object:
        """Apply a JSON patch to what a running pod's containers may use, and return the pod.

        Raises as ``patch`` does; NotFound also where the server cannot resize pods in place.
        """
        ...

    async def create(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        """Create an object in the namespace that its metadata names. Raises ClusterError."""
        ...

    async def replace(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        """Replace an object whose ``resourceVersion`` is in the body. Raises ClusterError."""
        ...

    async def delete(
        self, kind: Kind, namespace: str | None, name: str, *, uid: str, dry_run: bool = False
    ) -> None:
        """Delete the object with this UID. Raises Conflict if it is another, ClusterError else."""
        ...

    async def evict(self, namespace: str, pod: str, *, uid: str, dry_run: bool = False) -> None:
        """Evict a pod. Raises Unavailable if a PodDisruptionBudget forbids it now."""
        ...


class ClusterAccounts(Protocol):
    """Says what a service account of a namespace is allowed."""

    async def may(self, namespace: str, account: str, rule: AccessRule) -> bool:
        """Say whether RBAC allows it, as the API server judges itself. Raises ClusterError."""
        ...

    async def is_let_in(self, namespace: str, account: str, rule: AccessRule) -> bool:
        """Make the request as this account, and say whether it is allowed.

        What is answered is not read. Only what reads is asked for: ``get``, ``list``, ``watch``.
        Raises ClusterError.
        """
        ...
