"""Write what is known to be good into the namespace's object ``catalog``, compared and set."""

import asyncio

import structlog

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
from ooda.common.known_good import CATALOG, KnownGoodSpec

log = structlog.get_logger()

DEBOUNCE_SECONDS = 2.0
"""Workloads of one namespace become healthy together: they are written together."""
AGAIN_SECONDS = 2.0


class Catalog:
    """Writes the newest known good of each namespace, once in a while."""

    def __init__(self, reader: ClusterReader, writer: ClusterWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[str, KnownGoodSpec] = {}
        self._seen: set[str] = set()
        self._unwritten: set[str] = set()
        self._news = asyncio.Event()

    def remember(self, namespace: str, spec: KnownGoodSpec) -> None:
        """Have it written; a newer one of the same namespace takes its place."""
        self._waiting[namespace] = spec
        self._news.set()

    def seen(self, namespace: str) -> None:
        """Have a catalogue in a namespace, though nothing is known to be good there yet.

        Where there is none the API server cannot hold the actor to it.
        """
        if namespace not in self._seen:
            self._seen.add(namespace)
            self._unwritten.add(namespace)
            self._news.set()

    async def run(self, debounce: float = DEBOUNCE_SECONDS) -> None:
        """Write for ever."""
        while True:
            await self._news.wait()
            await asyncio.sleep(debounce)
            self._news.clear()
            waiting, self._waiting = self._waiting, {}
            unwritten, self._unwritten = self._unwritten, set()
            for namespace in sorted(unwritten - waiting.keys()):
                await self._begin(namespace)
            for namespace, spec in waiting.items():
                await self._write(namespace, spec)

    async def _begin(self, namespace: str) -> None:
        try:
            await self._writer.create(Kind.KNOWN_GOOD, _body(namespace, KnownGoodSpec()))
        except Conflict:
            return  # it is there
        except ClusterError as error:
            log.info("no catalogue yet", namespace=namespace, error=str(error))
            self._seen.discard(namespace)  # seen again with its next snapshot

    async def _write(self, namespace: str, spec: KnownGoodSpec) -> None:
        try:
            await write(self._reader, self._writer, namespace, spec)
            log.info("known good written", namespace=namespace)
        except (Unavailable, Conflict) as error:
            log.warning("known good not written yet", namespace=namespace, error=str(error))
            self._waiting.setdefault(namespace, spec)
            self._news.set()
            await asyncio.sleep(AGAIN_SECONDS)
        except ClusterError as error:
            # The next change tries again; without a catalogue nothing is rolled back.
            log.error("known good refused", namespace=namespace, error=str(error))  # noqa: TRY400 - the sentence is the whole story


async def write(
    reader: ClusterReader, writer: ClusterWriter, namespace: str, spec: KnownGoodSpec
) -> None:
    """Create the object, or replace it if nobody changed it meanwhile. Raises ClusterError."""
    body = _body(namespace, spec)
    try:
        there = await reader.get(Kind.KNOWN_GOOD, namespace, CATALOG)
    except NotFound:
        await writer.create(Kind.KNOWN_GOOD, body)
        return
    version = there["metadata"]["resourceVersion"]
    meta = {**body["metadata"], "resourceVersion": version}
    await writer.replace(Kind.KNOWN_GOOD, {**body, "metadata": meta})


def _body(namespace: str, spec: KnownGoodSpec) -> Object:
    return {
        "apiVersion": Kind.KNOWN_GOOD.api_version,
        "kind": str(Kind.KNOWN_GOOD),
        "metadata": {"name": CATALOG, "namespace": namespace},
        "spec": spec.model_dump(mode="json", by_alias=True),
    }
