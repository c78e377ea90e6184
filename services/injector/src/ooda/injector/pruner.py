"""Removes runs from the journal that are long over, so that it does not grow for ever."""

import structlog

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterError, Conflict, Delta, NotFound, Synced
from ooda.common.cluster.kinds import Kind
from ooda.injector.core.keeping import superfluous
from ooda.injector.journal import Entry, JournalError, read_entry
from ooda.injector.ports import Cluster

log = structlog.get_logger()


class Pruner:
    """Follows the journal, and looks at it whenever something was written."""

    def __init__(self, api: Cluster, namespace: str, clock: Clock, keep: int) -> None:
        self._api = api
        self._namespace = namespace
        self._clock = clock
        self._keep = keep
        self._entries: dict[str, Entry] = {}

    async def run(self) -> None:
        """Remove what need not be kept, for ever; what cannot be removed now is tried again."""
        synced = False
        async for event in self._api.watch(Kind.FAULT_RUN, self._namespace):
            synced = synced or isinstance(event, Synced)
            if isinstance(event, Delta):
                self._note(event)
            if synced:
                await self._prune()

    def _note(self, event: Delta) -> None:
        name = str(event.object["metadata"]["name"])
        self._entries.pop(name, None)
        if event.change != "deleted":
            try:
                self._entries[name] = read_entry(event.object)
            except JournalError:
                return  # the driver says so; it is left alone

    async def _prune(self) -> None:
        runs = [each.run for each in self._entries.values()]
        for name in superfluous(runs, self._keep, self._clock.now()):
            uid = self._entries[name].object["metadata"]["uid"]
            try:
                await self._api.delete(Kind.FAULT_RUN, self._namespace, name, uid=uid)
            except (NotFound, Conflict):
                pass  # it is gone, which the watch will tell
            except ClusterError as error:
                log.warning("an old run cannot be removed", run=name, error=str(error))
                return
            self._entries.pop(name)
            log.info("removed an old run", run=name)
