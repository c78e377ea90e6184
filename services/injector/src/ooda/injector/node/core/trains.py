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
WELL: Final = 0
"""The code of an answer while nothing is wrong, as DNS numbers it."""


def deadline_ns(fault: PacketFault, took_ns: int) -> int:
    """Say how late an answer is that tells of the fault; ``took_ns`` is what one took before it."""
    match fault.fault:
        case Delay(mean_ms=mean):
            return took_ns + round(mean * 1_000_000) // 2
        case _:
            return PATIENCE_NS


class Train:
    """Questions one after the other, until one is not answered in time; monotonic nanoseconds.

    With a code: until one is answered with this code. One that is not answered tells nothing then.
    """

    def __init__(self, deadline_ns: int, begins_ns: int, code: int | None = None) -> None:
        self._deadline = deadline_ns
        self._code = code
        self._next = begins_ns
        self._begun = 0
        self._waiting: dict[int, int] = {}
        self._told: int | None = None

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
        if self._code is None:
            self._note(begun)
        return None

    def refused(self, number: int, code: int) -> bool:
        """Say whether an answer with this code tells of the fault, which stays noted then."""
        if code != self._code:
            return False
        self._note(self._waiting.pop(number))
        return True

    def given_up(self, now: int) -> list[int]:
        """Return the questions that nobody waits for any more, though that tells nothing."""
        if self._code is None:
            return []
        over = self._over(now)
        for each in over:
            del self._waiting[each]
        return over

    def unanswered_since(self, now: int) -> int | None:
        """Return when the first question was begun that tells of the fault."""
        late = [] if self._code is not None else [self._waiting[each] for each in self._over(now)]
        return min([*late, *([] if self._told is None else [self._told])], default=None)

    def wakes(self, now: int) -> int:
        """Say when there is something to do next without an answer."""
        over = [begun + self._deadline + 1 for begun in self._waiting.values()]
        return min([self._next, *(each for each in over if each > now)])

    def _over(self, now: int) -> list[int]:
        return [each for each, begun in self._waiting.items() if now - begun > self._deadline]

    def _note(self, begun: int) -> None:
        self._told = begun if self._told is None else min(self._told, begun)
