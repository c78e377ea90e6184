"""What becomes of each packet: lost, held back, changed, or let through.

A judge is told which packets came and when, and says what the kernel is to do now. Times are
nanoseconds of a monotonic clock; chance comes from a seed, so that the same run can be had again.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from ooda.common.node_means import Answers, Delay, Fault, Loss, Partition, Rcode, Unanswered
from ooda.injector.node.core.dns_answers import (
    CODES,
    LONGEST_HEAD,
    answer_in,
    is_about,
    labels_of,
)
from ooda.injector.node.core.wander import Wander

_MS: Final = 1_000_000
_MADE_GOOD_OVER: Final = 200  # packets
_PART_MADE_GOOD: Final = 5  # of the mean: no packet leaves earlier than by this part of it


@dataclass(frozen=True)
class Verdicts:
    """Packets to lose and to change, then the last packet up to which all that wait go on."""

    drop: Sequence[int] = ()
    pass_through: int | None = None
    passed: int = 0
    held_ns: Sequence[int] = ()
    change: Sequence[tuple[int, bytes]] = ()
    """Packets, and what goes on in the place of each."""


NOTHING: Final = Verdicts()


class Judge(Protocol):
    """Decides over packets in the order in which they came."""

    def came(
        self, packets: Sequence[int], times: Sequence[int], heads: Sequence[bytes] = ()
    ) -> Verdicts:
        """Decide about packets and when each of them came.

        ``heads`` has what each begins with, for the judge that reads it (`head_of`).
        """

    def due(self, now: int) -> Verdicts:
        """Decide about what was held back until now."""

    def next_due(self) -> int | None:
        """Say when something that is held back is due."""

    def release(self) -> Verdicts:
        """Let go of all that is held back: the fault is over."""


class _Immediate:
    """Holds nothing back."""

    def due(self, now: int) -> Verdicts:  # noqa: ARG002 -- the protocol of all judges
        return NOTHING

    def next_due(self) -> int | None:
        return None

    def release(self) -> Verdicts:
        return NOTHING


class LosingJudge(_Immediate):
    """Loses each packet with the same chance."""

    def __init__(self, percent: float, seed: str) -> None:
        self._share = percent / 100
        self._random = Random(seed)  # noqa: S311 -- chance, no secret

    def came(
        self,
        packets: Sequence[int],
        times: Sequence[int],  # noqa: ARG002 -- the protocol of all judges
        heads: Sequence[bytes] = (),  # noqa: ARG002 -- the protocol of all judges
    ) -> Verdicts:
        """Draw for each packet."""
        draw, share = self._random.random, self._share
        lost = [packet for packet in packets if draw() < share]
        gone = set(lost)
        kept = [packet for packet in packets if packet not in gone]
        return Verdicts(lost, kept[-1] if kept else None, len(kept))


class PartingJudge(_Immediate):
    """Loses every packet."""

    def came(
        self,
        packets: Sequence[int],
        times: Sequence[int],  # noqa: ARG002 -- the protocol of all judges
        heads: Sequence[bytes] = (),  # noqa: ARG002 -- the protocol of all judges
    ) -> Verdicts:
        """Lose them."""
        return Verdicts(packets)


class AnsweringJudge(_Immediate):
    """Loses or changes answers of DNS servers about a name, or about all; others go on."""

    def __init__(self, rcode: Rcode, name: str | None) -> None:
        self._code = CODES.get(rcode)
        self._name = labels_of(name or "")

    def came(
        self,
        packets: Sequence[int],
        times: Sequence[int],  # noqa: ARG002 -- the protocol of all judges
        heads: Sequence[bytes] = (),
    ) -> Verdicts:
        """Read each of them. One that says already what it is to say goes on as it is."""
        lost: list[int] = []
        changed: list[tuple[int, bytes]] = []
        kept: list[int] = []
        for packet, head in zip(packets, heads, strict=True):
            answer = answer_in(head)
            if answer is None or not is_about(answer.name, self._name):
                kept.append(packet)
            elif self._code is None:
                lost.append(packet)
            elif answer.code == self._code:
                kept.append(packet)
            else:
                changed.append((packet, answer.saying(self._code)))
        return Verdicts(lost, kept[-1] if kept else None, len(kept), change=changed)


class DelayingJudge:
    """Holds packets back, first in first out.

    A process that is kept from running lets packets go late. What they were late together the next
    ones make good, each by a small part, so that the mean stays as asked for on a busy node too.
    """

    def __init__(self, mean_ms: float, jitter_ms: float, seed: str) -> None:
        mean = round(mean_ms * _MS)
        self._wander = Wander(mean, round(jitter_ms * _MS), seed)
        self._most_early = mean // _PART_MADE_GOOD
        self._held: deque[tuple[int, int, int]] = deque()  # due, came, packet
        self._last_due = 0
        self._late = 0  # by how much all packets together left too late

    def came(
        self,
        packets: Sequence[int],
        times: Sequence[int],
        heads: Sequence[bytes] = (),  # noqa: ARG002 -- the protocol of all judges
    ) -> Verdicts:
        """Hold them back for the delay of the moment at which they came."""
        for packet, came in zip(packets, times, strict=True):
            wanted = came + self._wander.at(came, 1)
            early = max(0, min(self._late // _MADE_GOOD_OVER, self._most_early))
            due = max(self._last_due, wanted - early)
            self._late -= wanted - due
            self._last_due = due
            self._held.append((due, came, packet))
        return NOTHING

    def due(self, now: int) -> Verdicts:
        """Let those go whose time has come."""
        waits: list[int] = []
        last: int | None = None
        held = self._held
        while held and held[0][0] <= now:
            due, came, last = held.popleft()
            waits.append(now - came)
            self._late += now - due
        return NOTHING if last is None else Verdicts((), last, len(waits), waits)

    def next_due(self) -> int | None:
        """Say when the first of them is due."""
        return self._held[0][0] if self._held else None

    def release(self) -> Verdicts:
        """Let all go; that they waited less than asked for does not count as a delay."""
        if not self._held:
            return NOTHING
        last = self._held[-1][2]
        count = len(self._held)
        self._held.clear()
        return Verdicts((), last, count)


def judge_of(fault: Fault, seed: str) -> Judge:
    """Give the judge that makes this fault."""
    match fault:
        case Loss(percent=percent):
            return LosingJudge(percent, seed)
        case Delay(mean_ms=mean, jitter_ms=jitter):
            return DelayingJudge(mean, jitter, seed)
        case Partition() | Unanswered():
            return PartingJudge()
        case Answers(rcode=rcode, name=name):
            return AnsweringJudge(rcode, name)


def head_of(fault: Fault) -> int:
    """Say how many bytes of each packet the judge of this fault reads."""
    return LONGEST_HEAD if isinstance(fault, Answers) else 0
