"""What the actor does with each event; every handler may be given the same event again."""

from dataclasses import dataclass

from ooda.actor.driver import Driver
from ooda.actor.sightings import Sightings
from ooda.common.bus.interface import Delivery, PoisonError
from ooda.common.events import (
    ActionRecorded,
    AnomalyCleared,
    AnomalyFlagged,
    DecisionMade,
    TelemetrySnapshot,
)
from ooda.common.taxonomy import Verdict


@dataclass(frozen=True)
class Handlers:
    """The two consumers of the actor."""

    driver: Driver
    sightings: Sightings

    async def on_loop(self, delivery: Delivery) -> None:
        """Handle an event of the loop. Raises BusUnavailableError, PoisonError."""
        match delivery.event:
            case AnomalyFlagged() as event:
                self.sightings.flagged(event)
                self.driver.wake()
            case AnomalyCleared() as event:
                self.sightings.cleared(event)
                self.driver.wake()
            case DecisionMade() as event:
                await self._decided(event)
            case ActionRecorded(action_id=action_id, intent_id=intent_id):
                await self.driver.confirm(action_id, intent_id)
            case other:
                raise PoisonError(f"the actor does not handle {other.subject}")

    async def on_telemetry(self, delivery: Delivery) -> None:
        """Remember a snapshot. Raises PoisonError if it is none."""
        if not isinstance(delivery.event, TelemetrySnapshot):
            raise PoisonError(f"{delivery.subject} is no snapshot")
        self.sightings.seen(delivery.event)
        self.driver.wake()

    async def _decided(self, decision: DecisionMade) -> None:
        if decision.verdict is not Verdict.ACT:
            return
        request = decision.request
        if request is None:
            raise PoisonError(f"decision {decision.decision_id} says to act, but not what to do")
        if await self.driver.knows(request.action_id):
            return
        await self.driver.begin(decision)
