"""The incidents that are remembered: in the bucket, and in memory as they are in the bucket."""

import asyncio
from collections.abc import Iterable

import structlog

from ooda.common.bus.interface import Bucket
from ooda.orienter.core.records import Book, Incident

log = structlog.get_logger()


class Incidents:
    """One writer: the service's only active replica. A conflict means that this is not so."""

    def __init__(self, bucket: Bucket[Incident]) -> None:
        self._bucket = bucket
        self._book: dict[str, Incident] = {}
        self._revisions: dict[str, int] = {}
        self.writing = asyncio.Lock()
        """Held from reading the book to having written what follows from it."""

    @property
    def book(self) -> Book:
        """Return all records by incident id."""
        return self._book

    def count_open(self) -> int:
        """Count the incidents that have not ended."""
        return sum(each.state == "open" for each in self._book.values())

    async def load(self) -> None:
        """Read every record. Raises BusUnavailableError.

        A record that cannot be read is left where it is for a person, and said aloud.
        """
        for key in await self._bucket.keys():
            try:
                stored = await self._bucket.get(key)
            except ValueError as error:
                log.error("incident record cannot be read", key=key, error=str(error))  # noqa: TRY400 - the sentence is the whole story
                continue
            if stored is not None:
                self._book[key] = stored.record
                self._revisions[key] = stored.revision

    async def write(self, incidents: Iterable[Incident]) -> None:
        """Write records, then remember them. Raises BusUnavailableError, RecordConflictError."""
        for incident in incidents:
            key = incident.incident_id
            self._revisions[key] = await self._bucket.put(key, incident, self._revisions.get(key))
            self._book[key] = incident

    async def forget(self, ids: Iterable[str]) -> None:
        """Remove records of incidents that ended long ago. Raises BusUnavailableError."""
        for key in ids:
            await self._bucket.delete(key)
            self._book.pop(key, None)
            self._revisions.pop(key, None)
