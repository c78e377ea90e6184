"""Questions out of the network namespace that this process is in, each from a fresh socket."""

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ooda.common.node_means import Endpoint
from ooda.injector.node.connecting import Connecting
from ooda.injector.node.core.trains import WELL, Train
from ooda.injector.node.looking_up import LookingUp
from ooda.injector.node.orders import Lookup

_SECOND: Final = 1_000_000_000

Question = Lookup | Endpoint
"""A name that is looked up, or somebody to whom a connection is opened."""


class UnderWay(Protocol):
    """One question that was asked."""

    socket: socket.socket
    events: int
    """What of the socket tells that there is something to hear."""

    def heard(self) -> int | None:
        """Take what has come, and return the code of the answer; None if it was none.

        Raises OSError if none will be.
        """
        ...


class Questions:
    """A train of one question under way; it can be waited for like a file."""

    def __init__(self, question: Question, train: Train) -> None:
        self.question = question
        self._train = train
        self._poll = select.epoll()
        self._asked: dict[int, tuple[UnderWay, int]] = {}
        """By descriptor, with its number."""

    def fileno(self) -> int:
        """Give the descriptor that is readable when there is something to hear."""
        return self._poll.fileno()

    def turn(self, now: int) -> int | None:
        """Ask if it is time to; return since when a question tells of the fault."""
        over = self._train.given_up(now)
        for each in [each for each, (_, number) in self._asked.items() if number in over]:
            self._forget(each)
        number = self._train.begin(now)
        if number is not None:
            self._ask(number)
        return self._train.unanswered_since(now)

    def heard(self) -> int | None:
        """Take what has come; return how long an answer took that came in time."""
        took: int | None = None
        for descriptor, _ in self._poll.poll(0):
            asked, number = self._asked[descriptor]
            try:
                code = asked.heard()
            except OSError:
                self._forget(descriptor)
                continue
            if code == WELL:
                took = self._train.answered(number, time.monotonic_ns()) or took
            elif code is None or not self._train.refused(number, code):
                continue
            self._forget(descriptor)
        return took

    def wakes(self, now: int) -> int:
        """Say when `turn` has something to do next."""
        return self._train.wakes(now)

    def close(self) -> None:
        """Await no answer any more."""
        for each in [*self._asked]:
            self._forget(each)
        self._poll.close()

    def _ask(self, number: int) -> None:
        asked: UnderWay
        match self.question:
            case Lookup() as lookup:
                asked = LookingUp(lookup, number)
            case endpoint:
                asked = Connecting(endpoint)
        self._asked[asked.socket.fileno()] = asked, number
        self._poll.register(asked.socket, asked.events)

    def _forget(self, descriptor: int) -> None:
        asked, _ = self._asked.pop(descriptor)
        asked.socket.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer of several questions, and how long it took, in nanoseconds."""

    question: Question
    took_ns: int


def first_answer(
    questions: Sequence[Question], deadline_ns: int, patience_ns: int, gone: Sequence[int] = ()
) -> Answer | None:
    """Ask all of them again and again until one is answered in time.

    None if none is for so long, or once one of the descriptors `gone` is readable.
    """
    now = time.monotonic_ns()
    ends = now + patience_ns
    asked = [Questions(each, Train(deadline_ns, now)) for each in questions]
    try:
        while asked and now < ends:
            for each in asked:
                each.turn(now)
            wakes = min([ends, *(each.wakes(now) for each in asked)])
            pause = max(0, wakes - time.monotonic_ns()) / _SECOND
            descriptors = [*gone, *(each.fileno() for each in asked)]
            ready, _, _ = select.select(descriptors, [], [], pause)
            if any(each in ready for each in gone):
                return None
            for each in asked:
                took = each.heard()
                if took is not None:
                    return Answer(each.question, took)
            now = time.monotonic_ns()
        return None
    finally:
        for each in asked:
            each.close()
