"""Looks at runs that bite, and hears the agent: whether it was repaired, and the agent is done.

It only writes what it finds into the journal; the driver acts on that. Without it, or without
the bus, a run ends at its time and is held for nobody.
"""

import asyncio

import structlog

from ooda.common.bus.interface import BusUnavailableError
from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterError, Conflict, Delta, NotFound
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import HEALED_AT, FaultRun, Phase, StepRecord, Undone
from ooda.injector import steps
from ooda.injector.core.holding import healed, held, looked_at
from ooda.injector.core.incidents import Belonging
from ooda.injector.core.workloads import settled
from ooda.injector.evaluating import Evaluator
from ooda.injector.journal import Journal, JournalError, read_entry
from ooda.injector.ports import Cluster

log = structlog.get_logger()

PERIOD = 0.5
"""Seconds between two looks at the objects of a run."""
HEARD_EVERY = 4
"""Looks for each time that the agent is heard, while the fault bites."""
_OVERSEEN = frozenset({Phase.ACTIVE, Phase.HOLDING})


class Overseer:
    """Every run that bites, or waits for the agent, each in a task of its own."""

    def __init__(self, api: Cluster, namespace: str, evaluator: Evaluator, clock: Clock) -> None:
        self._api = api
        self._journal = Journal(api, namespace)
        self._evaluator = evaluator
        self._clock = clock
        self._overseen: set[str] = set()

    async def run(self) -> None:
        """Follow the journal, for ever. Raises ClusterError."""
        async with asyncio.TaskGroup() as tasks:
            async for event in self._api.watch(Kind.FAULT_RUN, self._journal.namespace):
                if isinstance(event, Delta) and event.change != "deleted":
                    self._notice(tasks, event)

    def _notice(self, tasks: asyncio.TaskGroup, event: Delta) -> None:
        name = str(event.object["metadata"]["name"])
        try:
            wanted = read_entry(event.object).run.phase in _OVERSEEN
        except JournalError:
            return  # the driver says so
        if wanted and name not in self._overseen:
            self._overseen.add(name)
            tasks.create_task(self._oversee(name))

    async def _oversee(self, name: str) -> None:
        try:
            looks = 0
            while await self._look(name, hear=looks % HEARD_EVERY == 0):
                looks += 1
                await asyncio.sleep(PERIOD)
        finally:
            self._overseen.discard(name)

    async def _look(self, name: str, *, hear: bool) -> bool:
        """Look once; False if there is nothing to look at any more."""
        try:
            entry = await self._journal.find(name)
            if entry is None or entry.run.phase not in _OVERSEEN:
                return False
            if entry.run.phase is Phase.HOLDING:
                found = await self._holding(entry.run)
            else:
                found = await self._active(entry.run, hear=hear)
            if found != entry.run:
                await self._journal.write(entry, found)
        except Conflict:
            pass  # somebody else wrote: it is looked at again
        except JournalError:
            return False
        except ClusterError as error:
            log.warning("cannot be looked at now", run=name, error=str(error))
        return True

    async def _active(self, run: FaultRun, *, hear: bool) -> FaultRun:
        if HEALED_AT in run.times:
            return run
        found = looked_at(run, self._clock.now(), repaired=await self._repaired(run))
        agent = await self._heard(run) if hear else None
        return found if agent is None else healed(found, agent, self._clock.now())

    async def _holding(self, run: FaultRun) -> FaultRun:
        if run.held_until is not None and run.held_until <= self._clock.now():
            return run
        return held(run, await self._heard(run), self._clock.now())

    async def _heard(self, run: FaultRun) -> Belonging | None:
        try:
            return await self._evaluator.heard(run)
        except BusUnavailableError as error:
            log.warning("the agent cannot be heard", run=run.run_id, error=str(error))
            return None

    async def _repaired(self, run: FaultRun) -> bool:
        """Say whether all of it was taken back by others, and the target is well."""
        looks = [await self._taken_back(each) for each in run.steps]
        seen = [each for each in looks if each is not None]
        if not seen or not all(seen):
            return False
        try:
            kind = Kind(run.workload.kind)
            target = await self._api.get(kind, run.namespace, run.workload.name)
        except NotFound:
            return False
        return settled(target)

    async def _taken_back(self, record: StepRecord) -> bool | None:
        """Say whether others have taken a step back; None if nobody can tell, or it is gone."""
        if record.undone in {Undone.GONE, Undone.NOTHING}:
            return None
        if record.undone is not None:
            return record.undone is Undone.REPAIRED
        return await steps.taken_back(self._api, record.step)
