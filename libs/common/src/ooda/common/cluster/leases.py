"""One active replica of a service, by a Lease of the cluster; the others wait, warm.

The rules are those of client-go's leader election: a holder that cannot renew gives up *before*
another may take over, judged by its own monotonic clock; a candidate takes over when it has itself
seen the Lease unchanged for its whole duration, so that clocks need not agree.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ooda.common.clock import Clock
from ooda.common.cluster.interface import (
    ClusterError,
    ClusterReader,
    ClusterWriter,
    Conflict,
    NotFound,
    Object,
    Unavailable,
)
from ooda.common.cluster.kinds import Kind

_NOT_NOW = (Conflict, NotFound, Unavailable)
"""What may pass: somebody wrote or deleted the Lease since it was read, or the server is away."""


class LeaseLostError(Exception):
    """Somebody else may hold the Lease now: stop acting."""


class ReaderWriter(ClusterReader, ClusterWriter, Protocol):
    """Reads and writes."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds; the defaults are client-go's."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    """Without a renewal for this long the holder gives up; less than the duration."""
    retry: float = 2.0


class LeaseHolder:
    """Acquires, keeps and releases one Lease for one identity."""

    def __init__(
        self,
        api: ReaderWriter,
        namespace: str,
        name: str,
        identity: str,
        clock: Clock,
        times: LeaseTimes = LeaseTimes(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._namespace, self._name, self._identity = namespace, name, identity
        self._clock, self._times, self._monotonic = clock, times, monotonic
        self._seen: tuple[str, float] | None = None
        self._renewed = 0.0

    async def acquire(self) -> None:
        """Return when the Lease is ours. Raises Refused if we may not have it at all."""
        while True:
            started = self._monotonic()
            if await self._try():
                self._renewed = started
                return
            await asyncio.sleep(self._times.retry)

    async def keep(self) -> None:
        """Renew for ever. Raises LeaseLostError, and nothing else.

        It does when the Lease is somebody else's, may be by now, or may no longer be written.
        """
        while True:
            await asyncio.sleep(self._times.retry)
            left = self._renewed + self._times.renew_deadline - self._monotonic()
            started = self._monotonic()
            try:
                async with asyncio.timeout(max(left, 0)):
                    kept = await self._renew()
            except TimeoutError:
                kept = False
            except ClusterError as error:
                raise LeaseLostError(f"Lease {self._name} cannot be renewed: {error}") from error
            if kept:
                self._renewed = started
            elif self._monotonic() - self._renewed >= self._times.renew_deadline:
                raise LeaseLostError(
                    f"Lease {self._name} was not renewed for {self._times.renew_deadline:g} s"
                )

    async def release(self) -> None:
        """Give the Lease up, so that another need not wait; failing to is no error."""
        try:
            lease = await self._api.get(Kind.LEASE, self._namespace, self._name)
            if _spec_of(lease).get("holderIdentity") == self._identity:
                spec = dict(_spec_of(lease)) | {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._api.replace(Kind.LEASE, dict(lease) | {"spec": spec})
        except ClusterError:
            return

    async def _try(self) -> bool:
        """Take the Lease if it may be ours; what is away now may be back later. Raises Refused."""
        try:
            lease = await self._read()
            if lease is not None and not self._may_take(lease):
                return False
            await self._write(lease)
        except _NOT_NOW:
            return False
        return True

    async def _renew(self) -> bool:
        """Renew the Lease; one that was deleted is made again. Raises LeaseLostError, Refused.

        It is lost when it has another holder, or none: somebody may have held it meanwhile.
        """
        try:
            lease = await self._read()
            holder = _spec_of(lease).get("holderIdentity")
            if lease is not None and holder != self._identity:
                raise LeaseLostError(f"Lease {self._name} is held by {holder or 'nobody'}")
            await self._write(lease)
        except _NOT_NOW:
            return False
        return True

    async def _read(self) -> Object | None:
        try:
            return await self._api.get(Kind.LEASE, self._namespace, self._name)
        except NotFound:
            return None

    def _may_take(self, lease: Object) -> bool:
        spec = _spec_of(lease)
        holder = spec.get("holderIdentity")
        if not holder or holder == self._identity:
            return True
        version = lease["metadata"]["resourceVersion"]
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, self._monotonic())
        duration = float(spec.get("leaseDurationSeconds") or self._times.duration)
        return self._monotonic() - self._seen[1] >= duration

    async def _write(self, lease: Object | None) -> None:
        """Write ourselves into it, if nobody else did since it was read. Raises ClusterError."""
        spec = self._spec(_spec_of(lease))
        if lease is None:
            meta = {"name": self._name, "namespace": self._namespace}
            head = {"apiVersion": Kind.LEASE.api_version, "kind": Kind.LEASE.value}
            await self._api.create(Kind.LEASE, head | {"metadata": meta, "spec": spec})
        else:
            await self._api.replace(Kind.LEASE, dict(lease) | {"spec": spec})

    def _spec(self, before: Object) -> dict[str, Any]:
        now = self._clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        ours = before.get("holderIdentity") == self._identity
        transitions = int(before.get("leaseTransitions") or 0)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._times.duration),
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": transitions if ours or not before else transitions + 1,
        }


def _spec_of(lease: Object | None) -> Object:
    """Return the spec, which a Lease need not have."""
    return (lease or {}).get("spec") or {}
