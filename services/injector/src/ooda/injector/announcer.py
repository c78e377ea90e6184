"""Tells what the journal says: publishes the events of runs, and writes down which were."""

import asyncio

import structlog

from ooda.common.bus.interface import BusError, Publisher
from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterError, Conflict, Delta
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Publication
from ooda.injector.core.announcements import due
from ooda.injector.journal import Journal, JournalError
from ooda.injector.ports import Cluster

log = structlog.get_logger()

PAUSE = 1.0
"""Seconds until the bus or the API server is asked again."""


class Announcer:
    """Follows the journal and publishes."""

    def __init__(self, api: Cluster, namespace: str, bus: Publisher, clock: Clock) -> None:
        self._api = api
        self._journal = Journal(api, namespace)
        self._bus = bus
        self._clock = clock

    async def run(self) -> None:
        """Publish, for ever; what cannot be told now is told later, in order."""
        async for event in self._api.watch(Kind.FAULT_RUN, self._journal.namespace):
            if isinstance(event, Delta) and event.change != "deleted":
                await self._tell(str(event.object["metadata"]["name"]))

    async def _tell(self, name: str) -> None:
        while True:
            try:
                if await self._told(name):
                    return
            except Conflict:
                continue
            except JournalError as error:
                log.error("a run cannot be read", error=str(error))  # noqa: TRY400 - the sentence says all
                return
            except (BusError, ClusterError) as error:
                log.warning("cannot be told now", run=name, error=str(error))
                await asyncio.sleep(PAUSE)

    async def _told(self, name: str) -> bool:
        """Publish what is due; False if there was something, for more may have come."""
        entry = await self._journal.find(name)
        events = () if entry is None else due(entry.run)
        if entry is None or not events:
            return True
        published = dict(entry.run.published)
        for event in events:
            sent = self._clock.now()
            await self._bus.publish(event)
            published[event.subject] = Publication(sent=sent, confirmed=self._clock.now())
        told = (*entry.run.told, *(each.subject for each in events))
        update = {"told": told, "published": published}
        await self._journal.write(entry, entry.run.model_copy(update=update))
        return False
