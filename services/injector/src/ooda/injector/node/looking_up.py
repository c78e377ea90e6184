"""Lookups in the network namespace that this process is in, each from a fresh socket."""

import contextlib
import select
import socket
import time
from collections.abc import Collection, Sequence
from typing import Final

from ooda.injector.node.core.dns_answers import PORT
from ooda.injector.node.core.lookups import Train, answers, code_of, question
from ooda.injector.node.orders import Lookup

_LONGEST: Final = 4096
_SECOND: Final = 1_000_000_000


class Lookups:
    """A train of lookups under way."""

    def __init__(self, lookup: Lookup, train: Train) -> None:
        self._lookup = lookup
        self._train = train
        self._asked: dict[socket.socket, int] = {}

    @property
    def descriptors(self) -> Collection[int]:
        """What becomes readable when a lookup is answered."""
        return [each.fileno() for each in self._asked]

    def turn(self, now: int) -> int | None:
        """Make the lookup that is due; return since when one tells of the fault."""
        over = self._train.given_up(now)
        for each in [each for each, number in self._asked.items() if number in over]:
            self._forget(each)
        number = self._train.begin(now)
        if number is not None:
            self._ask(number)
        return self._train.unanswered_since(now)

    def heard(self, ready: Collection[int]) -> int | None:
        """Take what has come; return how long an answer took that came in time."""
        took: int | None = None
        for each in [each for each in self._asked if each.fileno() in ready]:
            number = self._asked[each]
            try:
                said = each.recv(_LONGEST, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError:  # such as a port that nobody listens on
                self._forget(each)
                continue
            if answers(said, number):
                took = self._train.answered(number, time.monotonic_ns()) or took
                self._forget(each)
                continue
            code = code_of(said, number)
            if code is not None and self._train.refused(number, code):
                self._forget(each)
        return took

    def wakes(self, now: int) -> int:
        """Say when `turn` has something to do next."""
        return self._train.wakes(now)

    def close(self) -> None:
        """Await no answer any more."""
        for each in [*self._asked]:
            self._forget(each)

    def _ask(self, number: int) -> None:
        server = self._lookup.server
        family = socket.AF_INET if server.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
        asked = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._asked[asked] = number
        with contextlib.suppress(OSError):  # then it is not answered
            asked.connect((str(server), PORT))
            asked.send(question(self._lookup.name, number))

    def _forget(self, asked: socket.socket) -> None:
        del self._asked[asked]
        asked.close()


def answer_took(lookup: Lookup, deadline_ns: int, patience_ns: int) -> int | None:
    """Look up until it is answered in time, and return how long that took, in nanoseconds.

    None if it was not for so long.
    """
    first = answered_first([lookup], deadline_ns, patience_ns)
    return None if first is None else first[1]


def answered_first(
    asked: Sequence[Lookup], deadline_ns: int, patience_ns: int
) -> tuple[Lookup, int] | None:
    """Look up all of these until one is answered in time; return that one and how long it took.

    None if none was for so long, or if there are none.
    """
    now = time.monotonic_ns()
    ends = now + patience_ns
    trains = [(each, Lookups(each, Train(deadline_ns, now))) for each in asked]
    try:
        while trains and now < ends:
            for _, each in trains:
                each.turn(now)
            wakes = min(ends, *(each.wakes(now) for _, each in trains))
            watched = [one for _, each in trains for one in each.descriptors]
            pause = max(0, wakes - time.monotonic_ns()) / _SECOND
            ready, _, _ = select.select(watched, [], [], pause)
            for lookup, each in trains:
                took = each.heard(ready)
                if took is not None:
                    return lookup, took
            now = time.monotonic_ns()
        return None
    finally:
        for _, each in trains:
            each.close()
