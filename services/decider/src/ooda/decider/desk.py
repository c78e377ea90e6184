"""The decider's shell: records in the bucket, effects, timers. All that it decides is in ``core``.

Order of writes: the reservation in the budgets, the record with its outbox, the events, the record
without. A crash after any of them is made good by the next start: events have ids of their cause,
and a reservation that no record carries out is dropped when its incident is next written.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog

from ooda.common.bus.interface import Bucket, BusError, Publisher, Stored
from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterReader
from ooda.common.events import AnomalyCleared, AnomalyFlagged, DiagnosisStarted, ReviewAnswered
from ooda.common.taxonomy import Settlement
from ooda.decider.core.absorbing import Due, Merged, Sighted, Stimulus, absorb, absorbed_by
from ooda.decider.core.answering import settlement
from ooda.decider.core.budgets import Budgets
from ooda.decider.core.explaining import of_incident
from ooda.decider.core.facts import Facts
from ooda.decider.core.lifecycle import (
    CloseIncident,
    Effect,
    PublishDecision,
    PublishReview,
    Reserve,
    World,
    conclude,
    effects_of,
    judge,
)
from ooda.decider.core.limits import Limits
from ooda.decider.core.playbook import Playbook
from ooda.decider.core.record import (
    BUDGETS_KEY,
    SIGHTINGS_KEY,
    Entry,
    Incident,
    Phase,
    Sightings,
)
from ooda.decider.looking import look
from ooda.decider.meters import Meters

log = structlog.get_logger()


class Desk:
    """Brings an incident's record forward, one incident at a time."""

    def __init__(
        self,
        bucket: Bucket[Entry],
        publisher: Publisher,
        reader: ClusterReader,
        clock: Clock,
        playbook: Playbook,
        limits: Limits,
        meters: Meters,
    ) -> None:
        self._bucket = bucket
        self._publisher = publisher
        self._reader = reader
        self._clock = clock
        self._playbook = playbook
        self._limits = limits
        self._meters = meters
        self._entries: dict[str, Stored[Entry]] = {}
        self._trusted = False
        """Whether the entries are what the bucket has: not after a write that failed."""
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def load(self) -> None:
        """Read all records and publish what a crash left in their outboxes.

        Raises BusError, ValueError if there is something in the bucket that is no record.
        """
        entries = {}
        for key in await self._bucket.keys():
            stored = await self._bucket.get(key)
            if stored is not None:
                entries[key] = stored
        self._entries = entries
        self._trusted = True
        for record in self.incidents():
            await self._send(record)

    def incidents(self) -> tuple[Incident, ...]:
        """Return the incidents that have a record."""
        contents = (each.record.content for each in self._entries.values())
        return tuple(each for each in contents if isinstance(each, Incident))

    def count_open(self) -> int:
        """Count the incidents that have not ended."""
        return sum(each.phase is not Phase.CLOSED for each in self.incidents())

    def status(self) -> Mapping[str, str]:
        """Count the incidents by phase."""
        phases = [each.phase for each in self.incidents()]
        return {str(each): str(phases.count(each)) for each in Phase if each in phases}

    async def handle(
        self, incident_id: str, stimulus: Stimulus, opened: Incident | None = None
    ) -> None:
        """Bring one incident forward; without a record, begin with ``opened`` or do nothing."""
        async with self._turn, self._rereading():
            record = self._incident(incident_id) or opened
            if record is not None:
                await self._advance(await self._send(record), stimulus)

    async def merge(self, event: DiagnosisStarted) -> None:
        """Bring the incidents to their end that another one absorbed, before it is told itself.

        One that is not known is ended too, so that what is heard of it late opens none; but only
        once: the survivor names it again with each attempt, also when its record has long gone.
        """
        survivor = self._incident(event.incident_id)
        seen_to = survivor.absorbed if survivor else ()
        for each in event.absorbed:
            unheard = absorbed_by(event, each) if each not in seen_to else None
            await self.handle(each, Merged(event.incident_id), unheard)

    async def sight(self, event: AnomalyFlagged | AnomalyCleared, stored_at: dt.datetime) -> None:
        """Remember an anomaly, and bring forward the incidents that it belongs to."""
        async with self._turn, self._rereading():
            old = self._sightings()
            oldest = self._clock.now() - dt.timedelta(seconds=2 * self._limits.retention)
            new = old.add(event, stored_at).prune(oldest)
            if new != old:
                await self._put(SIGHTINGS_KEY, new)
            for record in self.incidents():
                if event.anomaly_id in record.anomalies:
                    await self._advance(await self._send(record), Sighted())

    async def end_action(self, action_id: str, *, wrote: bool) -> None:
        """Give back what an action had reserved, as far as it cost nothing."""
        async with self._turn, self._rereading():
            await self._put_budgets(
                self._budgets().end(action_id, wrote=wrote, at=self._clock.now())
            )

    async def disown(self, answer: ReviewAnswered) -> None:
        """Say that nothing is known of a review: it never was, or was forgotten long ago."""
        if answer.incident_id is None:
            return
        told = (Settlement.UNKNOWN, "The decider knows of no such question, or no more.")
        event = settlement(answer.incident_id, answer, told, self._clock.now())
        await self._publisher.publish(event)
        self._meters.published(event)

    async def explain(self, record: Incident) -> Sequence[str]:
        """Say what would be done about an incident if it were judged now; change nothing."""
        now = self._clock.now()
        facts = await look(self._reader, record)
        if facts is None:
            return ("The API server is away: nothing would be judged.",)
        budgets = self._budgets().prune(self._limits.window, now)
        judgement = judge(record, self._world(record, facts, budgets, now), facts, now)
        return tuple(of_incident(record.model_copy(update={"mode": facts.mode}), judgement))

    async def run(self) -> None:
        """Wake incidents when their time has come, for ever."""
        while True:
            self._changed.clear()
            try:
                await self.wake()
            except BusError as error:
                log.warning("cannot wake incidents, trying again", reason=str(error))
                await asyncio.sleep(self._limits.retry)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_next()):
                    await self._changed.wait()

    async def wake(self) -> None:
        """Bring forward every incident whose time has come; forget the closed ones."""
        now = self._clock.now()
        for record in self.incidents():
            if record.wakes_at is None or record.wakes_at > now:
                continue
            if record.phase is Phase.CLOSED and not record.outbox:
                await self._forget(record.incident_id)
            else:
                await self.handle(record.incident_id, Due())

    def _until_next(self) -> float | None:
        times = [each.wakes_at for each in self.incidents() if each.wakes_at is not None]
        if not times:
            return None
        return max(0.0, (min(times) - self._clock.now()).total_seconds())

    async def _advance(self, record: Incident, stimulus: Stimulus) -> None:
        now = self._clock.now()
        known = self._incident(record.incident_id)
        taken = absorb(record, stimulus, self._sightings(), self._limits, now)
        facts = await look(self._reader, taken) if taken.phase is Phase.JUDGING else None
        budgets = self._budgets().prune(self._limits.window, now)
        world = self._world(taken, facts, budgets, now)
        new, effects = conclude(taken, world, now)
        await self._reserve(new, budgets, effects)
        if new != known:
            await self._put(new.incident_id, new)
            await self._send(new)
            self._changed.set()

    async def _reserve(
        self, record: Incident, budgets: Budgets, effects: tuple[Effect, ...]
    ) -> None:
        flying = record.in_flight.action_id if record.in_flight else None
        budgets = budgets.drop_unused(record.incident_id, flying)
        for effect in effects:
            if isinstance(effect, Reserve):
                budgets = budgets.reserve(effect.reservation)
        if record.in_flight is not None and record.in_flight.overdue:
            budgets = budgets.miss(record.in_flight.action_id)
        await self._put_budgets(budgets)

    async def _send(self, record: Incident) -> Incident:
        if not record.outbox:
            return record
        for effect in effects_of(record):
            match effect:
                case PublishDecision(event) | PublishReview(event) | CloseIncident(event):
                    await self._publisher.publish(event)
                    self._meters.published(event)
                    log.info(event.summary, incident_id=event.incident_id)
                case _:
                    pass
        sent = record.model_copy(update={"outbox": ()})
        await self._put(sent.incident_id, sent)
        return sent

    def _world(
        self, record: Incident, facts: Facts | None, budgets: Budgets, now: dt.datetime
    ) -> World:
        recent, absorbed = self._recent(record, now), self._absorbed(record)
        return World(facts, budgets, recent, self._playbook, self._limits, absorbed)

    def _recent(self, record: Incident, now: dt.datetime) -> int:
        oldest = now - dt.timedelta(seconds=self._limits.storm_window)
        recent = {each.incident_id for each in self.incidents() if each.opened_at > oldest}
        return len(recent | {record.incident_id})

    def _absorbed(self, record: Incident) -> tuple[Incident, ...]:
        found = (self._incident(each) for each in record.absorbed)
        return tuple(each for each in found if each is not None)

    def _incident(self, incident_id: str) -> Incident | None:
        stored = self._entries.get(incident_id)
        content = stored.record.content if stored else None
        return content if isinstance(content, Incident) else None

    def _budgets(self) -> Budgets:
        stored = self._entries.get(BUDGETS_KEY)
        content = stored.record.content if stored else None
        return content if isinstance(content, Budgets) else Budgets()

    def _sightings(self) -> Sightings:
        stored = self._entries.get(SIGHTINGS_KEY)
        content = stored.record.content if stored else None
        return content if isinstance(content, Sightings) else Sightings()

    async def _put_budgets(self, budgets: Budgets) -> None:
        if budgets != self._budgets():
            await self._put(BUDGETS_KEY, budgets)

    async def _put(self, key: str, content: Incident | Sightings | Budgets) -> None:
        stored = self._entries.get(key)
        entry = Entry(content=content)
        revision = await self._bucket.put(key, entry, stored.revision if stored else None)
        self._entries[key] = Stored(entry, revision)

    async def _forget(self, incident_id: str) -> None:
        async with self._turn, self._rereading():
            await self._bucket.delete(incident_id)
            self._entries.pop(incident_id, None)

    @contextlib.asynccontextmanager
    async def _rereading(self) -> AsyncIterator[None]:
        """Read all anew after a write that failed: whether it was done is not known."""
        if not self._trusted:
            await self.load()
        try:
            yield
        except BusError:
            self._trusted = False
            raise
