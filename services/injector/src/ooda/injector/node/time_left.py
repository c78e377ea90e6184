"""How long a fault may last."""

from datetime import UTC, datetime, timedelta

from ooda.injector.node.orders import LONGEST, Refusal
from ooda.injector.node.refusing import RefusedError


def time_left(until: datetime) -> timedelta:
    """Say how long it is until then. Raises RefusedError if it is over, or too far ahead."""
    left = until - datetime.now(UTC)
    if left <= timedelta(0):
        raise RefusedError(Refusal.EXPIRED, f"the order ended at {until.isoformat()}")
    if left > LONGEST:
        raise RefusedError(
            Refusal.TOO_LONG, f"a fault lasts {LONGEST} at most, {left} is asked for"
        )
    return left
