"""Questions asked one after the other as the proof of a fault: when, and what is told. Pure."""

from typing import Final

from ooda.common.node_means import ASKED_EVERY_SECONDS, Delay, PacketFault

PERIOD_NS: Final = round(ASKED_EVERY_SECONDS * 1_000_000_000)
"""Between two questions."""
PATIENCE_NS: Final = 1_000_000_000
"""How long an answer may take while nothing is wrong.

The first packet of a connection that is lost is sent again after a second: what comes of that is
too late.
"""


def deadline_ns(fault: PacketFault, took_ns: int) -> int:
    """Say how late an answer is that tells of the fault; ``took_ns`` is what one took before it."""
    match fault.fault:
        case Delay(mean_ms=mean):
            return took_ns + round(mean * 1_000_000) // 2
        case _:
            return PATIENCE_NS


class Train:
    """Questions one after the other, until one is not answered in time; monotonic nanoseconds."""

    def __init__(self, deadline_ns: int, begins_ns: int) -> None:
        self._deadline = deadline_ns
        self._next = begins_ns
        self._begun = 0
        self._waiting: dict[int, int] = {}
        self._late: int | None = None

    def begin(self, now: int) -> int | None:
        """Return the number of the question that is to be made now, if one is."""
        if now < self._next:
            return None
        self._begun += 1
        self._waiting[self._begun] = now
        self._next = now + PERIOD_NS
        return self._begun

    def answered(self, number: int, now: int) -> int | None:
        """Return how long the answer took; None if it came too late, which stays noted."""
        begun = self._waiting.pop(number)
        took = now - begun
        if took <= self._deadline:
            return took
        self._late = begun if self._late is None else min(self._late, begun)
        return None

    def unanswered_since(self, now: int) -> int | None:
        """Return when the first question was begun that was not answered in time."""
        waiting = [begun for begun in self._waiting.values() if now - begun > self._deadline]
        return min([*waiting, *([] if self._late is None else [self._late])], default=None)

    def wakes(self, now: int) -> int:
        """Say when there is something to do next without an answer."""
        over = [begun + self._deadline + 1 for begun in self._waiting.values()]
        return min([self._next, *(each for each in over if each > now)])
