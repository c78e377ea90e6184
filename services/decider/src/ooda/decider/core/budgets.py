"""How often the agent may act: reservations, counted within a window. Pure."""

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ooda.common.events import Moment


class Reservation(BaseModel):
    """One action that was decided, from then until it is out of the window."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action_id: str
    incident_id: str
    workload: str
    namespace: str
    reserved_at: Moment
    ended_at: Moment | None = None
    overdue: bool = False
    """Whether its end was missed: it may still be under way."""


class Budgets(BaseModel):
    """All reservations; kept under the key ``budgets`` and changed by compare-and-set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["budgets"] = "budgets"
    reservations: tuple[Reservation, ...] = ()

    def reserve(self, reservation: Reservation) -> "Budgets":
        """Add a reservation; the same action twice is one."""
        if any(each.action_id == reservation.action_id for each in self.reservations):
            return self
        return Budgets(reservations=(*self.reservations, reservation))

    def end(self, action_id: str, *, wrote: bool, at: dt.datetime) -> "Budgets":
        """End an action; one that wrote nothing costs nothing."""
        kept = tuple(
            each.model_copy(update={"ended_at": each.ended_at or at})
            if each.action_id == action_id
            else each
            for each in self.reservations
            if wrote or each.action_id != action_id
        )
        return Budgets(reservations=kept)

    def miss(self, action_id: str) -> "Budgets":
        """Mark an action as overdue: nobody waits for it, and nobody acts on its workload."""
        kept = tuple(
            each.model_copy(update={"overdue": True}) if each.action_id == action_id else each
            for each in self.reservations
        )
        return Budgets(reservations=kept)

    def drop_unused(self, incident_id: str, action_id: str | None) -> "Budgets":
        """Drop what an incident reserved and does not carry out: left by a crash in between."""
        kept = tuple(
            each
            for each in self.reservations
            if each.incident_id != incident_id
            or each.action_id == action_id
            or each.ended_at is not None
            or each.overdue
        )
        return Budgets(reservations=kept)

    def prune(self, window: float, now: dt.datetime) -> "Budgets":
        """Forget what ended or was missed and is out of the window; what is in flight stays."""
        oldest = now - dt.timedelta(seconds=window)
        kept = tuple(
            each
            for each in self.reservations
            if (each.ended_at or (each.reserved_at if each.overdue else now)) > oldest
        )
        return Budgets(reservations=kept)

    def others(self, action_id: str, window: float, now: dt.datetime) -> tuple[Reservation, ...]:
        """Return what counts against an action: in flight, or reserved within the window."""
        oldest = now - dt.timedelta(seconds=window)
        return tuple(
            each
            for each in self.reservations
            if each.action_id != action_id and (each.ended_at is None or each.reserved_at > oldest)
        )
