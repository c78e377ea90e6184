"""Which anomalies are open, on the bus and in bucket ``baselines``, in one order.

An anomaly is written down before it is published, and crossed out after its end was published. So
a restarted observer knows all that anybody was told, and publishes again what may not have been.
What the agent itself does is in the same books: it explains pods that go after a restart too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

import structlog
from pydantic import BaseModel

from ooda.common.bus.interface import Bucket, BusUnavailableError, Publisher, RecordConflictError
from ooda.common.clock import Clock
from ooda.common.events import AnomalyCleared, AnomalyFlagged
from ooda.observer.core.inputs import ActionNotice, Clear, Flag
from ooda.observer.core.planned import noticed
from ooda.observer.core.state import Action

log = structlog.get_logger()

AGAIN_SECONDS = 1.0
Answer = TypeVar("Answer")


NO_NAMESPACE = "_nodes"
"""The key of what is in no namespace; no namespace can have this name."""


class Books(BaseModel):
    """The record of one namespace, or of the nodes."""

    flagged: tuple[AnomalyFlagged, ...] = ()
    actions: Mapping[str, Action] = {}
    """What the agent does, by action id."""

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

    def __init__(self, bucket: Bucket[Books], publisher: Publisher, clock: Clock) -> None:
        self._bucket = bucket
        self._publisher = publisher
        self._clock = clock
        self._records: dict[str, Books] = {}
        self._revisions: dict[str, int] = {}
        self._waiting: asyncio.Queue[Flag | Clear] = asyncio.Queue()
        self._writing = asyncio.Lock()

    async def read(self) -> Books:
        """Return what was in the books when the last observer ended; have it published again."""
        for key in await until_done(self._bucket.keys):
            stored = await until_done(partial(self._bucket.get, key))
            if stored is not None:
                self._records[key], self._revisions[key] = stored.record, stored.revision
        records = self._records.values()
        flagged = tuple(each for record in records for each in record.flagged)
        for each in flagged:
            self.say(Flag(each))
        actions = {key: each for record in records for key, each in record.actions.items()}
        return Books(flagged=flagged, actions=actions)

    async def note(self, notice: ActionNotice) -> None:
        """Write down what the agent does to a target in a namespace, or that it ended."""
        known = (key for key, each in self._records.items() if notice.action_id in each.actions)
        key = next(known, getattr(notice.target, "namespace", None))
        if key:
            now = self._clock.now()
            await self._write(key, lambda books: books.model_copy(
                update={"actions": noticed(books.actions, notice, now)}))  # fmt: skip

    def say(self, output: Flag | Clear) -> None:
        """Have it published, after all that was said before."""
        self._waiting.put_nowait(output)

    async def run(self) -> None:
        """Publish for ever. Raises RecordConflictError if another observer writes too."""
        while True:
            output = await self._waiting.get()
            match output:
                case Flag(event):
                    await self._write(_page(event), partial(_opened, event=event))
                    await until_done(partial(self._publisher.publish, event))
                case Clear(event):
                    await until_done(partial(self._publisher.publish, event))
                    await self._write(_page(event), partial(_closed, event=event))
            log.info("said", subject=output.event.subject, summary=output.event.summary)

    async def _write(self, key: str, change: Callable[[Books], Books]) -> None:
        async with self._writing:
            record = self._records.get(key, Books())
            after = change(record)
            if after == record:
                return
            self._revisions[key] = await self._put(key, after)
            self._records[key] = after

    async def _put(self, key: str, books: Books) -> int:
        """Write one record and return its revision. Raises RecordConflictError.

        A write that was not confirmed may have been done: then the next try conflicts with our own.
        """
        revision = self._revisions.get(key)
        try:
            return await until_done(partial(self._bucket.put, key, books, revision))
        except RecordConflictError:
            stored = await until_done(partial(self._bucket.get, key))
            if stored is None or stored.record != books:
                raise
            return stored.revision


def _page(event: AnomalyFlagged | AnomalyCleared) -> str:
    return event.namespace or NO_NAMESPACE


def _opened(books: Books, event: AnomalyFlagged) -> Books:
    if event.anomaly_id in books.ids:
        return books
    return books.model_copy(update={"flagged": (*books.flagged, event)})


def _closed(books: Books, event: AnomalyCleared) -> Books:
    kept = tuple(each for each in books.flagged if each.anomaly_id != event.anomaly_id)
    return books.model_copy(update={"flagged": kept})
