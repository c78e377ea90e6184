"""A fault in force: packets are judged until it ends."""

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ooda.injector.node.core.judges import Judge, Verdicts
from ooda.injector.node.core.tally import Tally
from ooda.injector.node.kernel import Packets, Rule
from ooda.injector.node.looking_up import Lookups
from ooda.injector.node.orders import Counters, End

_SECOND: Final = 1_000_000_000
_BEAT_NS: Final = 200_000_000  # a fifth of the rule's time to live
_AT_ONCE: Final = 256  # packets judged before anything else is looked at


@dataclass
class FaultInForce:
    """The rule, the queue and the judge of one fault; `ends_ns` by the monotonic clock.

    `bites` is told once when it was first seen to bite, by that clock: by a lookup that was not
    answered, or without `lookups` by a packet that was lost or changed, or held back and let go.
    """

    rule: Rule
    packets: Packets
    judge: Judge
    ends_ns: int
    line: int  # what closes when the fault is to end early
    sandbox: int | None  # what becomes readable when the sandbox's process ends
    lookups: Lookups | None
    bites: Callable[[int], None]
    tally: Tally = field(default_factory=Tally)
    beat_ns: int = 0
    seen: bool = False

    def serve(self) -> End:
        """Judge packets until the deadline, or until the line closes."""
        self.beat_ns = time.monotonic_ns() + _BEAT_NS
        packets = self.packets.fileno()
        watched = [
            packets,
            self.line,
            *([] if self.sandbox is None else [self.sandbox]),
        ]
        while (now := time.monotonic_ns()) < self.ends_ns:
            if now >= self.beat_ns:
                self.tally.lapses += not self.rule.rearm()
                self.beat_ns = now + _BEAT_NS
            self._judged(self.judge.due(now))
            wakes = min(self.beat_ns, self.ends_ns, self.judge.next_due() or self.ends_ns)
            asked = self._looked_up(now)
            if asked is not None:
                wakes = min(wakes, asked.wakes(now))
            pause = max(0, wakes - time.monotonic_ns()) / _SECOND
            ready, _, _ = select.select(
                [*watched, *(asked.descriptors if asked else ())], [], [], pause
            )
            if self.line in ready and not os.read(self.line, 1):
                return End.STOPPED
            if self.sandbox in ready:
                return End.SANDBOX_GONE
            if packets in ready:
                self._take()
            if asked is not None:
                asked.heard(ready)
        return End.EXPIRED

    def _take(self) -> bool:
        taken, times, heads = self.packets.take(_AT_ONCE)
        self.tally.came(len(taken))
        if taken:
            self._judged(self.judge.came(taken, times, heads))
        return bool(taken)

    def _judged(self, verdicts: Verdicts) -> None:
        self.packets.carry_out(verdicts)
        self.tally.judged(verdicts)
        told = verdicts.drop or verdicts.change or verdicts.held_ns
        if self.lookups is None and not self.seen and told:
            self._bites(time.monotonic_ns() - max(verdicts.held_ns, default=0))

    def _looked_up(self, now: int) -> Lookups | None:
        """Go on with looking up; None if there is no need to."""
        if self.lookups is None or self.seen:
            return None
        since = self.lookups.turn(now)
        if since is None:
            return self.lookups
        self.lookups.close()
        self._bites(since)
        return None

    def _bites(self, since: int) -> None:
        self.seen = True
        self.bites(since)

    def end(self) -> Counters:
        """Let new packets by, then those that wait, then take the rule away."""
        if self.lookups is not None:
            self.lookups.close()
        self.tally.lapses += not self.rule.disarm()
        while self._take():
            pass
        self._judged(self.judge.release())
        counters = self.tally.counters(self.packets.numbered())
        self.rule.remove()
        self.packets.close()
        return counters
