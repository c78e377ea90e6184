"""A delay that wanders about its mean without ever letting one packet overtake another."""

from random import Random
from typing import Final

_MS: Final = 1_000_000
_SHORTEST_NS: Final = 10 * _MS


class Wander:
    """The delay as a function of time: straight lines between random knots.

    Knots are at least twice the jitter apart, so the delay never falls faster than time goes by:
    what comes later leaves later. (Drawing for each packet, as netem does, reorders them, which
    looks like loss to TCP.) The next knot is above the mean if packets have so far waited less than
    it, and below if more: a short run realises the mean too, and so do packets that come in bursts.
    """

    def __init__(self, mean_ns: int, jitter_ns: int, seed: str) -> None:
        self._mean = mean_ns
        self._jitter = jitter_ns
        self._step = max(2 * jitter_ns, _SHORTEST_NS)
        self._random = Random(seed)  # noqa: S311 -- chance, no secret
        self._start: int | None = None
        self._line = 0
        self._from = 0
        self._to = 0
        self._owed = 0  # by how much all packets together have waited less than the mean

    def at(self, now: int, packets: int) -> int:
        """Give the delay in nanoseconds of so many packets; `now` never goes back."""
        if self._jitter == 0:
            return self._mean
        if self._start is None:
            self._start = now
        line, into = divmod(now - self._start, self._step)
        while self._line <= line:
            self._line += 1
            self._from, self._to = self._to, self._draw()
        beyond = self._from + (self._to - self._from) * into // self._step
        self._owed -= beyond * packets
        return self._mean + beyond

    def _draw(self) -> int:
        size = self._random.randint(0, self._jitter)
        late = self._owed > 0 if self._owed else self._random.choice((True, False))
        return size if late else -size
