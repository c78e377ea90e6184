"""The only place that reads the time. Everything that decides is given it."""

import datetime as dt
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day."""

    def now(self) -> dt.datetime:
        """Return the time in UTC, to the millisecond: what events carry."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """Return the machine's time."""
        now = dt.datetime.now(dt.UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
