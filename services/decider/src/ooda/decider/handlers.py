"""What the decider does with each event that it is given."""

import structlog

from ooda.common.bus.interface import Delivery, PoisonError
from ooda.common.events import (
    ActionApplied,
    ActionExecuted,
    AnomalyCleared,
    AnomalyFlagged,
    DiagnosisReady,
    DiagnosisStarted,
    ReviewAnswered,
)
from ooda.decider.core.absorbing import Answered, Heard, opened_by
from ooda.decider.desk import Desk

log = structlog.get_logger()


class Handlers:
    """Hands events to the desk; every one may come twice, late or out of order."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def on_loop(self, delivery: Delivery) -> None:
        """Handle an event of the loop. Raises PoisonError for one that is not for us."""
        at = delivery.stored_at
        match delivery.event:
            case AnomalyFlagged() | AnomalyCleared() as seen:
                await self._desk.sight(seen, at)
            case DiagnosisStarted() as begun:
                await self._desk.merge(begun)
                await self._desk.handle(begun.incident_id, Heard(begun, at), opened_by(begun))
            case DiagnosisReady() as told:
                await self._desk.handle(told.incident_id, Heard(told, at), opened_by(told))
            case ActionApplied() as applied:
                await self._desk.handle(applied.incident_id, Heard(applied, at))
            case ActionExecuted() as ended:
                # Before the record: a crash in between repeats it, and twice is as good as once.
                await self._desk.end_action(ended.action_id, wrote=ended.wrote)
                await self._desk.handle(ended.incident_id, Heard(ended, at))
            case other:
                raise PoisonError(f"{other.subject_of()} is not for the decider")

    async def on_answer(self, delivery: Delivery) -> None:
        """Take in a person's answer; what comes of it is published.

        Who may publish on a person's subject is for the bus to hold; that the event names the
        same person is checked here. Raises PoisonError if it names another one.
        """
        event = delivery.event
        if not isinstance(event, ReviewAnswered):
            raise PoisonError(f"{event.subject_of()} is no answer")
        if delivery.subject != event.subject_of():
            raise PoisonError(f"{delivery.subject} brought an answer of {event.person}")
        for record in self._desk.incidents():
            if event.review_id in record.review_ids:
                await self._desk.handle(record.incident_id, Answered(event))
                return
        log.warning("answer to a review that is not known", review_id=event.review_id)
        await self._desk.disown(event)
