"""Runs the diagnosis of each incident beside the stream of events, and again after a crash."""

import asyncio
import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from ooda.common.bus.interface import BusUnavailableError, Publisher
from ooda.common.clock import Clock
from ooda.common.findings import Consultation, Finding
from ooda.common.taxonomy import EvidenceFamily
from ooda.orienter.announcing import Announcer
from ooda.orienter.core import incidents
from ooda.orienter.core.conclusion import conclude, is_firm
from ooda.orienter.core.findings import About, unavailable
from ooda.orienter.core.fusion import Diagnosis, blind
from ooda.orienter.core.records import Incident
from ooda.orienter.core.weights import Weights
from ooda.orienter.inquiry import CHANGES, STATES, Inquiry, unanswered
from ooda.orienter.meters import Meters
from ooda.orienter.sight import Sight
from ooda.orienter.store import Incidents

if TYPE_CHECKING:
    from ooda.orienter.model.counsel import Counsel  # only where a model is configured

log = structlog.get_logger()

FIRST_SNAPSHOT_SECONDS = 6.0
"""One period and a second: a service that has just begun hears the observer within it."""

AGAIN_SECONDS = 1.0
"""Pause before the bus, or the API server, is tried again."""

PATIENCE_SECONDS = 100.0
"""How long the API server is waited for. After 90 s without a word the observer says that it is
blind, and what was diagnosed blind is diagnosed again when it sees."""

CHANGES_SECONDS = 20.0
"""How long it is waited for where it tells the state, but not what changed: it may have gone away
between the two, and a server that has just begun serves custom resources some seconds after the
rest. Without the change there is no way back to what was good, and a person would be asked."""

LOOK_AGAIN_SECONDS = 2.5
"""Pause before what is not firm is looked at again. What a kubelet says of a failure comes seconds
after it: the Event of its back-off when it tries again, the log when the container was made."""

LOOKS_WITHIN_SECONDS = 6.0
"""How long after the first look another one may begin; a diagnosis is due after 10 s."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was seen of an incident, or why it does not count."""

    begun: dt.datetime
    findings: tuple[Finding, ...] = ()
    blind_for: str | None = None
    consultation: Consultation | None = None


@dataclass(frozen=True)
class Diagnosing:
    """Everything that a diagnosis needs, and the incidents that wait for theirs."""

    store: Incidents
    publisher: Publisher
    announcer: Announcer
    inquiry: Inquiry
    sight: Sight
    clock: Clock
    weights: Weights
    meters: Meters
    counsel: "Counsel | None" = None
    """The language model, if one is configured."""
    first_snapshot_seconds: float = FIRST_SNAPSHOT_SECONDS
    patience_seconds: float = PATIENCE_SECONDS
    looks_within_seconds: float = LOOKS_WITHIN_SECONDS
    _waiting: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _running: dict[str, int] = field(default_factory=dict)

    async def announce(self, incident_id: str) -> None:
        """Say that an incident is looked into, then see to it. Raises BusUnavailableError.

        Safe to be called again: the event has the same id, and no attempt runs twice at a time.
        The caller holds the lock of the store: what is announced must not be closed meanwhile.
        """
        incident = self.store.book.get(incident_id)
        if incident is None or not incidents.due(incident):
            return
        await self.publisher.publish(self.announcer.started(incident, self.clock.now()))
        self._waiting.put_nowait(incident_id)

    async def work(self) -> None:
        """Diagnose for ever, beginning with what a predecessor left undone."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._resume())
            while True:
                incident_id = await self._waiting.get()
                incident = self.store.book.get(incident_id)
                if incident is None or not incidents.due(incident):
                    continue
                if self._running.get(incident_id) != incident.attempt:
                    self._running[incident_id] = incident.attempt
                    group.create_task(self._until_told(incident))

    async def _resume(self) -> None:
        for incident in tuple(self.store.book.values()):
            if incident.state == "open" and incident.pending:
                await self._patiently(incident.incident_id)

    async def _patiently(self, incident_id: str) -> None:
        while True:
            try:
                async with self.store.writing:
                    await self.announce(incident_id)
            except BusUnavailableError as error:
                log.warning("cannot announce a diagnosis yet", error=str(error))
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    async def _until_told(self, incident: Incident) -> None:
        """Look once, and publish until the bus has it."""
        try:
            looked = await self._look(incident)
            while True:
                try:
                    await self._tell(incident, looked)
                except BusUnavailableError as error:
                    log.warning("cannot publish a diagnosis yet", error=str(error))
                    await asyncio.sleep(AGAIN_SECONDS)
                else:
                    return
        finally:
            if self._running.get(incident.incident_id) == incident.attempt:
                del self._running[incident.incident_id]

    async def _look(self, incident: Incident) -> _Looked:
        begun = self.clock.now()
        await self.sight.wait(incident.namespace, self.first_snapshot_seconds, self.clock)
        blind_for = self.sight.blind(incident.namespace, self.clock.now())
        if blind_for is not None:
            return _Looked(begun, blind_for=blind_for)
        findings = await self._ask_until_firm(incident)
        findings, consultation = await self._consult(incident, findings)
        # The observer may have been started anew meanwhile; it sees again within seconds.
        await self.sight.wait(incident.namespace, self.first_snapshot_seconds, self.clock)
        return _Looked(begun, findings, consultation=consultation)

    async def _consult(
        self, incident: Incident, findings: tuple[Finding, ...]
    ) -> tuple[tuple[Finding, ...], Consultation | None]:
        """Add a model's vote to what was found; without findings there is nothing to ask about."""
        if self.counsel is None or not any(each.outcome == "evidence" for each in findings):
            return findings, None
        vote, said = await self.counsel.consult(
            incident, findings, self.sight.graph, lambda: self._current(incident)
        )
        return (vote, *findings), said

    async def _ask_until_firm(self, incident: Incident) -> tuple[Finding, ...]:
        """Ask the tools, and again for some seconds while what they say is not firm."""
        begun = asyncio.get_running_loop().time()
        while True:
            findings = await self._ask(incident)
            waited = asyncio.get_running_loop().time() - begun
            if waited + LOOK_AGAIN_SECONDS > self.looks_within_seconds:
                return findings
            known = self.store.book.get(incident.incident_id)
            if known is None or not self._current(incident):
                return findings
            found = conclude(known, findings, self.sight.graph, self.weights)
            if is_firm(found, self.weights):
                return findings
            log.info("not firm yet", incident=incident.incident_id, confidence=found.confidence)
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _ask(self, incident: Incident) -> tuple[Finding, ...]:
        """Ask the tools; while the API server is away, again, until the observer is blind too."""
        begun = asyncio.get_running_loop().time()
        while True:
            findings = await self.inquiry.gather(incident, self.sight.graph)
            waited = asyncio.get_running_loop().time() - begun
            if waited >= self._patience(findings) or not self._current(incident):
                return findings
            await asyncio.sleep(AGAIN_SECONDS)

    def _patience(self, findings: tuple[Finding, ...]) -> float:
        """Return for how many seconds it is worth to ask again."""
        if unanswered(STATES, findings):
            return self.patience_seconds
        return CHANGES_SECONDS if unanswered(CHANGES, findings) else 0.0

    def _current(self, incident: Incident) -> bool:
        known = self.store.book.get(incident.incident_id)
        return known is not None and known.state == "open" and known.attempt == incident.attempt

    async def _tell(self, begun: Incident, looked: _Looked) -> None:
        """Read the record again, conclude, publish, and mark the attempt as done.

        The lock is held throughout: an anomaly that arrives meanwhile begins a new attempt, and
        must not find that this one was marked as done over it.
        """
        async with self.store.writing:
            survivor = await self._publish(begun, looked)
        if survivor is not None:
            await self._patiently(survivor)

    async def _publish(self, begun: Incident, looked: _Looked) -> str | None:
        """Publish a diagnosis, or return the incident that this one turns out to be part of."""
        incident = self.store.book.get(begun.incident_id)
        if incident is None or incident.attempt != begun.attempt or not incidents.due(incident):
            return None
        # Asked again: while the bus is away, what was found grows old.
        blind_for = looked.blind_for or self.sight.blind(incident.namespace, self.clock.now())
        looked = replace(looked, blind_for=blind_for)
        diagnosis, findings = self._conclude(incident, looked)
        now = self.clock.now()
        step = incidents.same_cause(
            self.store.book, incident, diagnosis.component, now, diagnosis.cause
        )
        if step.diagnose is not None:
            await self.store.write(step.changed)
            return step.diagnose
        await self.publisher.publish(
            self.announcer.ready(incident, diagnosis, findings, now, looked.consultation)
        )
        self.meters.diagnosed(
            diagnosis.failure_class, (self.clock.now() - looked.begun).total_seconds()
        )
        told = incidents.diagnosed(
            incident,
            diagnosis.failure_class,
            diagnosis.component,
            now,
            blind=blind_for is not None,
            cause=diagnosis.cause,
        )
        await self.store.write([told])
        return None

    def _conclude(
        self, incident: Incident, looked: _Looked
    ) -> tuple[Diagnosis, tuple[Finding, ...]]:
        findings = looked.findings
        if looked.blind_for is None:
            return conclude(incident, findings, self.sight.graph, self.weights), findings
        first = min(incident.members, key=lambda each: each.since)
        about = About("observer", EvidenceFamily.OBJECT_STATE, first.component, self.clock.now())
        return blind(), (unavailable(about, f"blind: {looked.blind_for}"), *findings)
