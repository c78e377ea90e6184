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
        """Renew for ever. Raises LeaseLostError when it may be somebody else's."""
        while True:
            await asyncio.sleep(self._times.retry)
            left = self._renewed + self._times.renew_deadline - self._monotonic()
            started = self._monotonic()
            try:
                async with asyncio.timeout(max(left, 0)):
                    kept = await self._try()
            except TimeoutError:
                kept = False
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
            if lease["spec"].get("holderIdentity") == self._identity:
                spec = dict(lease["spec"]) | {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._api.replace(Kind.LEASE, dict(lease) | {"spec": spec})
        except ClusterError:
            return

    async def _try(self) -> bool:
        """Take or renew the Lease if it may be ours; what is away now may be back later."""
        try:
            lease = await self._api.get(Kind.LEASE, self._namespace, self._name)
        except NotFound:
            return await self._write(None)
        except ClusterError as error:
            return _not_now(error)
        return await self._write(lease) if self._may_take(lease) else False

    def _may_take(self, lease: Object) -> bool:
        spec = lease["spec"]
        holder = spec.get("holderIdentity")
        if not holder or holder == self._identity:
            return True
        version = lease["metadata"]["resourceVersion"]
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, self._monotonic())
        duration = float(spec.get("leaseDurationSeconds", self._times.duration))
        return self._monotonic() - self._seen[1] >= duration

    async def _write(self, lease: Object | None) -> bool:
        """Write ourselves into it, if nobody else did since it was read."""
        spec = self._spec(lease["spec"] if lease else {})
        try:
            if lease is None:
                meta = {"name": self._name, "namespace": self._namespace}
                head = {"apiVersion": Kind.LEASE.api_version, "kind": Kind.LEASE.value}
                await self._api.create(Kind.LEASE, head | {"metadata": meta, "spec": spec})
            else:
                await self._api.replace(Kind.LEASE, dict(lease) | {"spec": spec})
        except ClusterError as error:
            return _not_now(error)
        return True

    def _spec(self, before: Object) -> dict[str, Any]:
        now = self._clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        ours = before.get("holderIdentity") == self._identity
        transitions = int(before.get("leaseTransitions", 0))
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._times.duration),
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": transitions if ours or not before else transitions + 1,
        }


def _not_now(error: ClusterError) -> bool:
    """Return False for what may pass; raise what will not."""
    if isinstance(error, Conflict | Unavailable):
        return False
    raise error
