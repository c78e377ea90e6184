"""What becomes of an event that a handler failed on. Pure: errors in, a fate out."""

from dataclasses import dataclass

from sqlalchemy.exc import InterfaceError, OperationalError

from ooda.common.bus.interface import BusUnavailableError, PoisonError, RetryLaterError
from ooda.common.cluster.interface import Unavailable

RETRY_DELAYS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each further try of an event whose handler failed: six tries within 48 s, long
enough for a Pod of ours to be replaced, short enough that a bug shows within a minute."""

AWAY_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between calls of a handler whose dependency is away; the last one for ever."""

_AWAY = (RetryLaterError, BusUnavailableError, Unavailable, OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Again:
    """Call the handler again in place: what it needs is away, not the event is wrong."""

    pause: float


@dataclass(frozen=True, slots=True)
class Redeliver:
    """Give the event back to the server, to be handed over after a delay in seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class Bury:
    """Keep the event as a dead letter and never hand it over again."""


Fate = Again | Redeliver | Bury


def fate_of(error: BaseException, deliveries: int, calls: int) -> Fate:
    """Decide from the error, how often the server handed over, and the calls of this delivery.

    Both counts begin with 1.
    """
    if isinstance(error, _AWAY):
        return Again(AWAY_PAUSES[min(calls, len(AWAY_PAUSES)) - 1])
    if isinstance(error, PoisonError | ValueError) or deliveries > len(RETRY_DELAYS):
        return Bury()
    return Redeliver(RETRY_DELAYS[deliveries - 1])
