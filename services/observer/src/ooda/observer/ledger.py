"""Which anomalies are open, on the bus and in bucket ``baselines``, in one order.

An anomaly is written down before it is published, and crossed out after its end was published. So
a restarted observer knows all that anybody was told, and publishes again what may not have been.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
from pydantic import BaseModel

from ooda.common.bus.interface import Bucket, BusUnavailableError, Publisher
from ooda.common.events import AnomalyFlagged
from ooda.observer.core.inputs import Clear, Flag

log = structlog.get_logger()

AGAIN_SECONDS = 1.0
Answer = TypeVar("Answer")


class OpenAnomalies(BaseModel):
    """The record of one namespace."""

    flagged: tuple[AnomalyFlagged, ...] = ()

    @property
    def ids(self) -> set[str]:
        """Return the anomalies' identities."""
        return {each.anomaly_id for each in self.flagged}


async def until_done(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do something until the bus confirms it: order matters more than haste."""
    while True:
        try:
            return await call()
        except BusUnavailableError as error:
            log.warning("the bus did not confirm", error=str(error))
            await asyncio.sleep(AGAIN_SECONDS)


class Ledger:
    """Says what began and ended, and keeps the books of it."""

    def __init__(self, bucket: Bucket[OpenAnomalies], publisher: Publisher) -> None:
        self._bucket = bucket
        self._publisher = publisher
        self._records: dict[str, OpenAnomalies] = {}
        self._revisions: dict[str, int] = {}
        self._waiting: asyncio.Queue[Flag | Clear] = asyncio.Queue()

    async def read(self) -> tuple[AnomalyFlagged, ...]:
        """Return what was open when the last observer ended, and have it published again."""
        for key in await until_done(self._bucket.keys):
            stored = await until_done(partial(self._bucket.get, key))
            if stored is not None:
                self._records[key], self._revisions[key] = stored.record, stored.revision
        found = tuple(each for record in self._records.values() for each in record.flagged)
        for each in found:
            self.say(Flag(each))
        return found

    def say(self, output: Flag | Clear) -> None:
        """Have it published, after all that was said before."""
        self._waiting.put_nowait(output)

    async def run(self) -> None:
        """Publish for ever. Raises RecordConflictError if another observer writes too."""
        while True:
            output = await self._waiting.get()
            match output:
                case Flag(event):
                    await self._write(event.namespace or "", event.anomaly_id, event)
                    await until_done(partial(self._publisher.publish, event))
                case Clear(event):
                    await until_done(partial(self._publisher.publish, event))
                    await self._write(event.namespace or "", event.anomaly_id, None)
            log.info("said", subject=output.event.subject, summary=output.event.summary)

    async def _write(self, key: str, anomaly_id: str, event: AnomalyFlagged | None) -> None:
        record = self._records.get(key, OpenAnomalies())
        kept = tuple(each for each in record.flagged if each.anomaly_id != anomaly_id)
        after = OpenAnomalies(flagged=(*kept, event) if event else kept)
        if after.ids == record.ids:
            return
        revision = self._revisions.get(key)
        self._revisions[key] = await until_done(partial(self._bucket.put, key, after, revision))
        self._records[key] = after
