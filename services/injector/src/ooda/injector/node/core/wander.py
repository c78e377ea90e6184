"""A delay that wanders about its mean without ever letting one packet overtake another."""

from random import Random
from typing import Final

_MS: Final = 1_000_000
_SHORTEST_NS: Final = 10 * _MS


class Wander:
    """The delay as a function of time: straight lines between random knots.

    Knots are at least twice the jitter apart, so the delay never falls faster than time goes by:
    what comes later leaves later. (Drawing for each packet, as netem does, reorders them, which
    looks like loss to TCP.) Every second knot mirrors the one before it, so that the mean of any
    two is the mean asked for; a short run realises it too.
    """

    def __init__(self, mean_ns: int, jitter_ns: int, seed: str) -> None:
        self._mean = mean_ns
        self._jitter = jitter_ns
        self._step = max(2 * jitter_ns, _SHORTEST_NS)
        self._random = Random(seed)  # noqa: S311 -- chance, no secret
        self._start: int | None = None
        self._line = -1
        self._from = 0
        self._to = 0

    def at(self, now: int) -> int:
        """Give the delay in nanoseconds; `now` never goes back."""
        if self._jitter == 0:
            return self._mean
        if self._start is None:
            self._start = now
            self._to = self._draw()
        line, into = divmod(now - self._start, self._step)
        while self._line < line:
            self._line += 1
            self._from = self._to
            self._to = self._draw() if self._line % 2 else -self._from
        return self._mean + self._from + (self._to - self._from) * into // self._step

    def _draw(self) -> int:
        return self._random.randint(-self._jitter, self._jitter)
