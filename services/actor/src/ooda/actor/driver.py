"""Drives every action from its record to its end: gather, decide, store, then publish or write.

One task per action, woken by events and by the timers of its record. The record in the bucket is
the truth: a second actor that is still alive loses the compare-and-set, reads what the other one
did, and goes on from there; what both could write is guarded in the write itself.
"""

import asyncio
import contextvars
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from ooda.actor.core.announcements import announcements
from ooda.actor.core.guards import Guards
from ooda.actor.core.in_place import Starting
from ooda.actor.core.machine import RETRY, Failed, Sight, Write, advance, confirm, current_step
from ooda.actor.core.plan import Plan, Refusal
from ooda.actor.core.record import ActionRecord, State, begin, to_delete
from ooda.actor.looking import (
    is_stopped,
    look_at_resized,
    look_at_result,
    look_at_source,
    mode_at,
)
from ooda.actor.meters import Meters
from ooda.actor.planning import Planner
from ooda.actor.sightings import Sightings
from ooda.actor.writing import apply_step
from ooda.common.bus.interface import (
    Bucket,
    BusUnavailableError,
    Publisher,
    RecordConflictError,
    Stored,
)
from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterError, Conflict, NotFound, Object, Refused
from ooda.common.events import DecisionMade
from ooda.common.plans import CreateJobStep
from ooda.common.targets import Target

log = structlog.get_logger()

SWEEP_SECONDS = 3600.0
"""Between two looks for records that are older than they need to be."""

STARTS_WITHIN = dt.timedelta(seconds=3)
"""How long a container that has just ended is waited for, if that lets its pod stay. The kubelet
starts it again within one or two seconds, unless it lets it wait. A choice."""

_WRITES = frozenset({State.RECORDED, State.APPLYING, State.UNDOING})


@dataclass
class _Active:
    """One action in hand."""

    stored: Stored[ActionRecord]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    announce: bool = True
    """Whether what the state publishes is still to be published, maybe again."""
    failed: Failed | None = None

    @property
    def record(self) -> ActionRecord:
        return self.stored.record


class Driver:
    """All actions that the bucket knows, and the tasks that drive those that have not ended."""

    def __init__(
        self,
        bucket: Bucket[ActionRecord],
        publisher: Publisher,
        planner: Planner,
        clock: Clock,
        sightings: Sightings,
        own_namespace: str,
        meters: Meters,
    ) -> None:
        self._bucket = bucket
        self._publisher = publisher
        self._api = planner.api
        self._planner = planner
        self._meters = meters
        self._clock = clock
        self._sightings = sightings
        self._own_namespace = own_namespace
        self._actions: dict[str, _Active] = {}
        self._started: asyncio.Queue[tuple[_Active, contextvars.Context]] = asyncio.Queue()

    async def load(self) -> None:
        """Read every record and go on with those that have not ended.

        Raises BusUnavailableError, ValueError if a record is none: a person has to look at it,
        because it may be of a write that was made.
        """
        for key in await self._bucket.keys():
            stored = await self._bucket.get(key)
            if stored is not None:
                self._take(stored)

    async def begin(self, decision: DecisionMade) -> None:
        """Store the first record of an action, unless another actor did, and drive it.

        Nothing is read from the cluster: what takes its time is done by the action's own task,
        and the events behind this one do not wait for it. Raises BusUnavailableError.
        """
        record = begin(decision, self._clock.now())
        try:
            revision = await self._bucket.put(record.action_id, record, None)
        except RecordConflictError:
            await self.knows(record.action_id)
            return
        self._take(Stored(record, revision))

    async def knows(self, action_id: str) -> bool:
        """Tell whether an action has a record; one that another actor wrote is taken over.

        Raises BusUnavailableError, ValueError.
        """
        if action_id in self._actions:
            return True
        stored = await self._bucket.get(action_id)
        if stored is not None and action_id not in self._actions:
            self._take(stored)
        return stored is not None

    async def confirm(self, action_id: str, intent_id: str) -> None:
        """Store that the recorder has the intent. Raises BusUnavailableError, ValueError."""
        if not await self.knows(action_id):
            return
        active = self._actions[action_id]
        async with active.lock:
            try:
                await self._store(active, confirm(active.record, intent_id, self._clock.now()))
            except RecordConflictError:
                await self._reload(active)
                await self._store(active, confirm(active.record, intent_id, self._clock.now()))
        active.wake.set()

    def wake(self) -> None:
        """Let every action look at what was just seen."""
        for active in self._actions.values():
            active.wake.set()

    def other_in_flight(self, target: Target, action_id: str) -> str | None:
        """Return another action on the same target that has not ended, the older one first."""
        mine = self._actions.get(action_id)
        for active in self._actions.values():
            other = active.record
            if other.ended or other.target != target or other.action_id == action_id:
                continue
            if mine is None or _age(other) < _age(mine.record):
                return other.action_id
        return None

    def counts(self) -> dict[str, str]:
        """Return how many actions are in each state, for people."""
        states = [active.record.state.value for active in self._actions.values()]
        return {state: str(states.count(state)) for state in sorted(set(states))}

    def in_flight(self) -> int:
        """Return how many actions have not ended."""
        return sum(not record.ended for record in self._records())

    async def run(self) -> None:
        """Drive what was loaded and what begins, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep())
            while True:
                active, context = await self._started.get()
                group.create_task(self._drive(active), context=context)

    def _take(self, stored: Stored[ActionRecord]) -> None:
        active = _Active(stored)
        self._actions[stored.record.action_id] = active
        if not stored.record.announced:
            # The task belongs to the trace of the event that it began with.
            self._started.put_nowait((active, contextvars.copy_context()))

    async def _drive(self, active: _Active) -> None:
        while not active.record.announced:
            active.wake.clear()
            try:
                async with active.lock:
                    wake_at = await self._turn(active)
            except BusUnavailableError as error:
                log.warning("the bus is away", action_id=active.record.action_id, why=str(error))
                wake_at = self._clock.now() + RETRY
            await self._sleep(active, wake_at)

    async def _sleep(self, active: _Active, wake_at: dt.datetime | None) -> None:
        if wake_at is None:
            return
        seconds = max(0.0, (wake_at - self._clock.now()).total_seconds())
        try:
            await asyncio.wait_for(active.wake.wait(), seconds)
        except TimeoutError:
            return

    async def _turn(self, active: _Active) -> dt.datetime | None:
        """Make one move; return when the next one is due, None for at once."""
        try:
            return await self._move(active)
        except RecordConflictError:
            log.warning("another actor moved the record", action_id=active.record.action_id)
            await self._reload(active)
            return None

    async def _move(self, active: _Active) -> dt.datetime | None:
        if active.announce:
            for event in announcements(active.record):
                await self._publisher.publish(event)
            active.announce = False
        sight = await self._gather(active)
        active.failed = None
        move = advance(active.record, sight, self._clock.now())
        await self._store(active, move.record)
        if move.write is not None:
            active.failed = await self._write(active.record, move.write)
        return move.wake_at

    async def _gather(self, active: _Active) -> Sight:
        record = active.record
        looked, live = False, None
        step = current_step(record)
        if step is not None:
            try:
                live = await look_at_result(self._api, step)
                looked = True
            except ClusterError as error:
                log.warning("cannot look", action_id=record.action_id, why=str(error))
        return Sight(
            plan=await self._planned(record) if record.state is State.PLANNING else None,
            guards=await self._guards(record) if record.state in _WRITES else None,
            looked=looked,
            live=live,
            failed=active.failed,
            snapshot=self._sightings.snapshot(record.namespace),
            still_open=self._sightings.still_open(record),
            pods=await self._resized(record) if record.state is State.VERIFYING else None,
        )

    async def _resized(self, record: ActionRecord) -> Sequence[Object | None] | None:
        try:
            return await look_at_resized(self._api, record.steps)
        except ClusterError as error:
            log.warning("cannot look", action_id=record.action_id, why=str(error))
            return None

    async def _planned(self, record: ActionRecord) -> Plan | Refusal | Starting | None:
        now = self._clock.now()
        if now >= record.valid_until:
            return None
        other = self.other_in_flight(record.target, record.action_id)
        waits = now < record.planned_at + STARTS_WITHIN
        return await self._planner.plan(record, other, self._not_in_place(record), may_wait=waits)

    def _not_in_place(self, record: ActionRecord) -> str | None:
        """Return why pods are not to be changed while they run: once a day has to be enough.

        Whether the kubelet did not carry it out, the pods were replaced, or they need still more:
        what comes after it has to last.
        """
        before = (
            each.action_id
            for each in self._records()
            if each.in_place and each.target == record.target
        )
        done = next(before, None)
        return f"action {done} did that within the last day" if done else None

    async def _guards(self, record: ActionRecord) -> Guards:
        mode = await mode_at(self._api, record.target)
        # Last of all: nothing is awaited between this answer and the write that it permits but
        # the compare-and-set of the record.
        stopped = await is_stopped(self._api, self._own_namespace)
        return Guards(
            stopped=stopped,
            mode=mode,
            symptom=self._sightings.symptom(record, self._clock.now()),
            other=self.other_in_flight(record.target, record.action_id),
        )

    async def _store(self, active: _Active, record: ActionRecord) -> None:
        if record == active.record:
            return
        entered = record.state is not active.record.state
        revision = await self._bucket.put(record.action_id, record, active.stored.revision)
        active.stored = Stored(record, revision)
        if entered:
            active.announce = True
            self._meters.entered(record)
            log.info(record.reason, action_id=record.action_id, state=record.state.value)

    async def _reload(self, active: _Active) -> None:
        """Go on from what the other actor stored; a record that it deleted had ended."""
        stored = await self._bucket.get(active.record.action_id)
        if stored is None:
            ended = active.record.model_copy(update={"announced": True})
            stored = Stored(ended, active.stored.revision)
        active.stored, active.announce, active.failed = stored, True, None

    async def _write(self, record: ActionRecord, write: Write) -> Failed | None:
        try:
            live = write.live
            if live is None or isinstance(write.step, CreateJobStep):
                live = await look_at_source(self._api, write.step)
            await apply_step(self._api, write.step, live, record.action_id, undo=write.undo)
        except (Conflict, NotFound) as error:
            return Failed("conflict", str(error))
        except Refused as error:
            return Failed("refused", str(error))
        except ClusterError as error:
            return Failed("unavailable", str(error))
        return None

    async def _sweep(self) -> None:
        while True:
            try:
                await self._delete_old()
            except BusUnavailableError as error:
                log.warning("old records are kept until the next sweep", why=str(error))
            await asyncio.sleep(SWEEP_SECONDS)

    async def _delete_old(self) -> None:
        for action_id in to_delete(tuple(self._records()), self._clock.now()):
            await self._bucket.delete(action_id)
            del self._actions[action_id]

    def _records(self) -> Iterator[ActionRecord]:
        return (active.record for active in self._actions.values())


def _age(record: ActionRecord) -> tuple[dt.datetime, str]:
    return record.planned_at, record.action_id
