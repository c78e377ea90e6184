"""fault-agent's loop: the steps of the journal that are for its node are made and ended here."""

import asyncio

import structlog

from ooda.common.clock import Clock
from ooda.common.cluster.interface import Delta, Synced
from ooda.common.cluster.kinds import Kind
from ooda.injector.journal import Entry, Journal, JournalError, read_entry
from ooda.injector.node.core.duties import Begin, Stop, TellGone, duties
from ooda.injector.node.hands import Hands
from ooda.injector.node.work import Work
from ooda.injector.ports import Cluster

log = structlog.get_logger()


class FaultAgent:
    """What one node has to do with the journal; nothing that it makes outlives it."""

    def __init__(self, api: Cluster, namespace: str, node: str, hands: Hands, clock: Clock) -> None:
        self._api = api
        self._journal = Journal(api, namespace)
        self._node = node
        self._hands = hands
        self._clock = clock
        self._taken: dict[str, dict[int, Work]] = {}
        """By run and step: what was begun here and is not closed in the journal yet."""
        self._followed = False

    def ready(self) -> bool:
        """Say whether the journal is followed."""
        return self._followed

    async def run(self) -> None:
        """Follow the journal, for ever; cancelled, end every fault first. Raises ClusterError."""
        async with self._hands.kept_ready(), asyncio.TaskGroup() as tasks:
            async for event in self._api.watch(Kind.FAULT_RUN, self._journal.namespace):
                self._followed = self._followed or isinstance(event, Synced)
                if isinstance(event, Delta):
                    self._notice(tasks, event)

    def _notice(self, tasks: asyncio.TaskGroup, event: Delta) -> None:
        name = str(event.object["metadata"]["name"])
        entry = _readable(event)
        if entry is None:  # there is no journal by which anybody could end it
            for each in self._taken.pop(name, {}).values():
                each.end()
            return
        taken = self._taken.setdefault(name, {})
        for duty in duties(entry.run, entry.abort, self._node, self._clock.now(), taken):
            match duty:
                case Stop(index):
                    taken[index].end()
                case Begin(index, step, until):
                    again = entry.run.steps[index].done
                    taken[index] = Work(self._journal, self._hands, self._clock, name, index)
                    tasks.create_task(taken[index].make(step, until, again=again))
                case TellGone(index, step):
                    taken[index] = Work(self._journal, self._hands, self._clock, name, index)
                    tasks.create_task(taken[index].tell_gone(step))
        # What is told may be older than what was written here: a step is taken until it is closed.
        for index, record in enumerate(entry.run.steps):
            if record.undone is not None:
                taken.pop(index, None)
        if not taken:
            del self._taken[name]


def _readable(event: Delta) -> Entry | None:
    """Return the run as it is now; None if it is not there, or nobody can read it."""
    if event.change == "deleted":
        return None
    try:
        return read_entry(event.object)
    except JournalError as error:
        log.error("a run cannot be read", error=str(error))  # noqa: TRY400 - the sentence says all
        return None
