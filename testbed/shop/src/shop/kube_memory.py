"""A cluster in memory that behaves as `LightkubeObjects` does; for tests."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from typing_extensions import override

from shop.kube import Kind, KubeError, KubeObjects


class MemoryObjects(KubeObjects):
    """Objects that a test sets, and permissions that it takes away."""

    def __init__(self) -> None:
        self._objects: dict[tuple[Kind, str], dict[str, str]] = {}
        self._changed = asyncio.Condition()
        self._forbidden: set[tuple[Kind, str]] = set()

    async def put(self, kind: Kind, name: str, data: Mapping[str, str]) -> None:
        """Create or replace an object."""
        async with self._changed:
            self._objects[kind, name] = dict(data)
            self._changed.notify_all()

    def forbid(self, kind: Kind, name: str) -> None:
        """Refuse fresh requests for an object; open watches live on, as in a cluster."""
        self._forbidden.add((kind, name))

    def allow(self, kind: Kind, name: str) -> None:
        """Undo `forbid`."""
        self._forbidden.discard((kind, name))

    @override
    async def read(self, kind: Kind, name: str) -> Mapping[str, str]:
        self._check(kind, name)
        if (kind, name) not in self._objects:
            raise KubeError(f'{kind.lower()}s "{name}" not found')
        return dict(self._objects[kind, name])

    @override
    async def watch(self, kind: Kind, name: str) -> AsyncGenerator[Mapping[str, str], None]:
        self._check(kind, name)
        seen: dict[str, str] | None = None
        while True:
            async with self._changed:
                await self._changed.wait_for(
                    lambda: self._objects.get((kind, name), seen) is not seen  # noqa: B023 -- awaited in this turn
                )
                seen = self._objects[kind, name]
            yield dict(seen)

    @override
    async def write_secret(self, name: str, data: Mapping[str, str]) -> None:
        current = await self.read(Kind.SECRET, name)
        await self.put(Kind.SECRET, name, {**current, **data})

    @override
    async def close(self) -> None:
        self._objects.clear()

    def _check(self, kind: Kind, name: str) -> None:
        if (kind, name) in self._forbidden:
            raise KubeError(f'{kind.lower()}s "{name}" is forbidden')
