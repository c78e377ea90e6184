"""Feed the fold from one queue, and hand on what it says."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from ooda.common.bus.interface import BusUnavailableError, Publisher
from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterWatcher, NotFound, Refused
from ooda.common.cluster.kinds import Kind
from ooda.observer.catalog import Catalog
from ooda.observer.core.fold import step
from ooda.observer.core.inputs import (
    Blind,
    Clear,
    Flag,
    Input,
    Listen,
    Output,
    Remember,
    Snapshot,
    Tick,
)
from ooda.observer.core.sources import PLACES, WATCHED
from ooda.observer.core.state import State
from ooda.observer.ledger import Ledger
from ooda.observer.listener import Listener
from ooda.observer.meters import Meters

log = structlog.get_logger()

TICK_SECONDS = 0.25
QUEUE_LIMIT = 10_000
"""Inputs that wait; watches wait with them, and the API server keeps what they did not read."""
REFUSED_SECONDS = 30.0
"""Pause before a kind is tried again that we may not watch, or that the server does not have:
rights can be granted and a CustomResourceDefinition be made later."""


class Observation:
    """The one state of the observer and everything that moves it."""

    def __init__(
        self,
        state: State,
        clock: Clock,
        ledger: Ledger,
        catalog: Catalog,
        publisher: Publisher,
        meters: Meters,
        listener: Listener,
    ) -> None:
        self.state = state
        self._clock = clock
        self._ledger = ledger
        self._catalog = catalog
        self._publisher = publisher
        self._listener = listener
        self._inputs: asyncio.Queue[Input] = asyncio.Queue(QUEUE_LIMIT)
        self._meters = meters
        meters.read_from(lambda: self.state, self._inputs.qsize)
        self._snapshots: dict[str | None, Snapshot] = {}
        self._snapshot_due = asyncio.Event()

    async def put(self, given: Input) -> None:
        """Have the fold look at an input, after those before it."""
        await self._inputs.put(given)

    def watching(self, watcher: ClusterWatcher, kind: Kind) -> Callable[[], Awaitable[None]]:
        """Return the task that follows one kind for ever.

        Without it the observer is blind for what depends on this kind, and says so once.
        """

        async def follow() -> None:
            said = ""
            while True:
                try:
                    async for event in watcher.watch(kind, PLACES.get(kind)):
                        said = ""
                        await self.put(event)
                except (Refused, NotFound) as error:
                    if str(error) != said:
                        said = str(error)
                        log.error("cannot watch: blind", kind=str(kind), error=said)  # noqa: TRY400 - the sentence is the whole story
                await asyncio.sleep(REFUSED_SECONDS)

        return follow

    async def tick(self) -> None:
        """Tell the fold that time goes by, for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.put(Tick())

    async def listen(self) -> None:
        """Tell the fold what logs say that it asked for, for ever."""
        while True:
            await self.put(await self._listener.heard())

    async def fold(self) -> None:
        """Take one input after the other, for ever."""
        while True:
            given = await self._inputs.get()
            self.state, outputs = step(self.state, given, self._clock.now())
            for output in outputs:
                self._hand_on(output)

    def _hand_on(self, output: Output) -> None:
        match output:
            case Flag(event):
                self._meters.flagged(event)
                self._ledger.say(output)
            case Clear():
                self._ledger.say(output)
            case Snapshot():
                self._snapshots[output.event.namespace] = output
                self._snapshot_due.set()
                if output.event.namespace is not None:
                    self._catalog.seen(output.event.namespace)
            case Remember(namespace, spec):
                self._catalog.remember(namespace, spec)
            case Listen():
                self._listener.want(output)
            case Blind(kinds):
                log.warning("sight changed", blind=sorted(kinds))

    async def publish_snapshots(self) -> None:
        """Publish the newest snapshot of each namespace, for ever; what is late is dropped.

        While the bus is away each attempt takes seconds: those behind it would be old news.
        """
        while True:
            await self._snapshot_due.wait()
            self._snapshot_due.clear()
            waiting, self._snapshots = self._snapshots, {}
            try:
                for each in waiting.values():
                    await self._publisher.publish(each.event)
            except BusUnavailableError as error:
                self._meters.snapshots_dropped.inc(len(waiting))
                log.warning("snapshots dropped", of=len(waiting), error=str(error))

    def status(self) -> Mapping[str, str]:
        """Return what ``ooda status`` shows."""
        spaces = self.state.namespaces.values()
        return {
            "namespaces": str(len(spaces)),
            "pods": str(sum(len(each.pods) for each in spaces)),
            "open anomalies": str(sum(len(each.open) for each in spaces) + len(self.state.silent)),
            "blind": ", ".join(sorted(self.state.blind)) or "no",
            "watched kinds": str(len(WATCHED)),
        }
