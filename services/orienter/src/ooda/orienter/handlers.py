"""What is done with each event: gather, decide in ``core``, apply."""

import datetime as dt
from dataclasses import dataclass

from ooda.common.bus.interface import Delivery, PoisonError
from ooda.common.clock import Clock
from ooda.common.events import (
    ActionExecuted,
    AnomalyCleared,
    AnomalyFlagged,
    IncidentClosed,
    TelemetrySnapshot,
)
from ooda.orienter.core import incidents
from ooda.orienter.core.incidents import Step
from ooda.orienter.core.weights import Weights
from ooda.orienter.diagnosing import Diagnosing
from ooda.orienter.sight import Sight
from ooda.orienter.store import Incidents


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of both consumers."""

    store: Incidents
    diagnosing: Diagnosing
    sight: Sight
    clock: Clock
    weights: Weights

    async def loop(self, delivery: Delivery) -> None:
        """Handle an event of the loop: write the records, then say what is looked into.

        Only then is the event acknowledged. If it comes again it finds its anomaly known, and
        says again what may not have been said. Raises BusError, PoisonError.
        """
        async with self.store.writing:
            step = self._decide(delivery)
            await self.store.write(step.changed)
            if step.diagnose is not None:
                await self.diagnosing.announce(step.diagnose)
            if isinstance(delivery.event, IncidentClosed):
                await self.store.forget(incidents.forgettable(self.store.book, self.clock.now()))

    async def telemetry(self, delivery: Delivery) -> None:
        """Keep a snapshot; look again into what was diagnosed blind, now that it can be seen.

        Raises BusError: the next snapshot tries again what failed. Raises PoisonError.
        """
        if not isinstance(delivery.event, TelemetrySnapshot):
            raise PoisonError(f"{delivery.subject} is no snapshot")
        self.sight.keep(delivery.event)
        async with self.store.writing:
            now = self.clock.now()
            for step in incidents.sighted(self.store.book, lambda ns: self._sees(ns, now), now):
                await self.store.write(step.changed)
                if step.diagnose is not None:
                    await self.diagnosing.announce(step.diagnose)

    def _sees(self, namespace: str | None, now: dt.datetime) -> bool:
        return self.sight.blind(namespace, now) is None

    def _decide(self, delivery: Delivery) -> Step:
        now, book = self.clock.now(), self.store.book
        match delivery.event:
            case AnomalyFlagged() as event:
                return incidents.flagged(book, event, self.sight.graph, self.weights.join, now)
            case AnomalyCleared() as event:
                return incidents.cleared(book, event, now)
            case ActionExecuted() as event:
                return incidents.executed(book, event, now)
            case IncidentClosed() as event:
                return incidents.closed(book, event, now)
            case _:
                raise PoisonError(f"{delivery.subject} is not for the orienter")
