"""A cluster as a process sees it that is killed before or after one of its writes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from ooda.common.cluster.interface import WatchEvent
from ooda.common.cluster.kinds import Kind
from ooda.injector.ports import Cluster


class Died(BaseException):
    """The process is no more: nothing that it still tries has an effect."""


class Mortal:
    """Reads and writes like the cluster behind it, up to its death."""

    def __init__(self, behind: Cluster, at: int, *, after: bool) -> None:
        self._behind = behind
        self._at, self._after = at, after
        self._writes = 0
        self.dead = False
        self.last = ""
        """The write at which it died."""

    async def patch(self, *given: Any, dry_run: bool = False) -> Any:
        return await self._meet(
            f"patch {given[0]}", lambda: self._behind.patch(*given, dry_run=dry_run)
        )

    async def resize(self, *given: Any, dry_run: bool = False) -> Any:
        return await self._meet("resize Pod", lambda: self._behind.resize(*given, dry_run=dry_run))

    async def create(self, *given: Any, dry_run: bool = False) -> Any:
        return await self._meet(
            f"create {given[0]}", lambda: self._behind.create(*given, dry_run=dry_run)
        )

    async def replace(self, *given: Any, dry_run: bool = False) -> Any:
        return await self._meet(
            f"replace {given[0]}", lambda: self._behind.replace(*given, dry_run=dry_run)
        )

    async def delete(self, *given: Any, uid: str, dry_run: bool = False) -> Any:
        return await self._meet(
            f"delete {given[0]}", lambda: self._behind.delete(*given, uid=uid, dry_run=dry_run)
        )

    def watch(self, kind: Kind, namespace: str | None = None) -> AsyncIterator[WatchEvent]:
        return self._behind.watch(kind, namespace)

    def __getattr__(self, name: str) -> Any:
        """Read like the cluster behind, while it lives."""
        if self.dead:
            raise Died
        return getattr(self._behind, name)

    async def _meet(self, what: str, effect: Callable[[], Awaitable[Any]]) -> Any:
        """Write. One that is refused, such as for a conflict, does not count: it is made again."""
        if self.dead:
            raise Died
        if self._writes == self._at and not self._after:
            self._die(what)
        found = await effect()
        self._writes += 1
        if self._writes == self._at + 1 and self._after:
            self._die(what)
        return found

    def _die(self, what: str) -> None:
        self.dead, self.last = True, what
        raise Died
