"""Say on the objects themselves what is said of them on the bus: Kubernetes Events, best effort.

An event goes to the bus first; what is said of an object follows by a task of its own and holds
nothing up. What cannot be said is logged and forgotten.
"""

import asyncio
import datetime as dt
from typing import Protocol

import structlog

from ooda.common.bus.interface import Publisher
from ooda.common.clock import Clock
from ooda.common.cluster.interface import (
    ClusterError,
    ClusterReader,
    ClusterWriter,
    Conflict,
    NotFound,
    Object,
)
from ooda.common.cluster.kinds import Kind
from ooda.common.events import Event
from ooda.common.remarks import Remark, body_of, remark_of
from ooda.common.targets import PodTarget, Target, WorkloadTarget

log = structlog.get_logger()

WAITING = 100
"""Remarks that may wait; of more than that the newest are dropped."""

QUIET = dt.timedelta(seconds=60)
"""After a remark, until the next one of its kind on the same object: others are only counted."""

LONGEST = 5.0
"""Seconds that one remark may take."""

_WORKLOADS = {str(each): each for each in (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET)}


class Api(ClusterReader, ClusterWriter, Protocol):
    """What is asked of the cluster: to read the object, and to create the Event."""


class Remarking:
    """A publisher that says it on the object too; ``run`` has to run beside it."""

    def __init__(
        self, publisher: Publisher, api: Api, clock: Clock, reporter: str, instance: str
    ) -> None:
        self._publisher = publisher
        self._api = api
        self._clock = clock
        self._reporter = reporter
        self._instance = instance
        self._waiting: asyncio.Queue[Remark] = asyncio.Queue(WAITING)
        self._said: dict[tuple[str, str], tuple[dt.datetime, int]] = {}
        """By object and reason: when it was said last, and how often it was not since."""

    async def publish(self, event: Event) -> None:
        """Publish, then have it said. Raises what the publisher raises."""
        await self._publisher.publish(event)
        remark = remark_of(event)
        if remark is None:
            return
        try:
            self._waiting.put_nowait(remark)
        except asyncio.QueueFull:
            log.warning("too much to say on objects", about=str(remark.about))

    async def run(self) -> None:
        """Say what waits, for ever."""
        while True:
            remark = await self._waiting.get()
            try:
                async with asyncio.timeout(LONGEST):
                    await self._say(remark)
            except (ClusterError, TimeoutError) as error:
                log.warning("nothing said on an object", about=str(remark.about), why=repr(error))

    async def _say(self, remark: Remark) -> None:
        now = self._clock.now()
        key = (str(remark.about), remark.reason)
        last, left_out = self._said.get(key, (None, 0))
        if last is not None and now - last < QUIET:
            self._said[key] = (last, left_out + 1)
            return
        live = await self._find(remark.about)
        if live is None:
            return
        if left_out:
            note = f"{remark.note} ({left_out} more of this kind since {last:%H:%M:%S} UTC)"
            remark = Remark(remark.about, remark.reason, note, remark.cause, remark.warning)
        self._said = {k: each for k, each in self._said.items() if now - each[0] < 2 * QUIET}
        self._said[key] = (now, 0)
        try:
            await self._api.create(
                Kind.EVENT, body_of(remark, live, self._reporter, self._instance, now)
            )
        except Conflict:
            return  # said by whoever published it before us

    async def _find(self, about: Target) -> Object | None:
        """Return the object, None if it is gone or of a kind on which nothing is said."""
        try:
            match about:
                case WorkloadTarget(workload_kind=kind) if kind in _WORKLOADS:
                    return await self._api.get(_WORKLOADS[kind], about.namespace, about.name)
                case PodTarget():
                    return await self._api.get(Kind.POD, about.namespace, about.name)
                case _:
                    return None
        except NotFound:
            return None
