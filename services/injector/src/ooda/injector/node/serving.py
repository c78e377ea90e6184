"""A fault in force: packets are judged until it ends."""

import time
from dataclasses import dataclass, field
from typing import Final

from ooda.injector.node.core.judges import Judge, Verdicts
from ooda.injector.node.core.tally import Tally
from ooda.injector.node.kernel import Packets, Rule
from ooda.injector.node.orders import Counters, End
from ooda.injector.node.vigil import Vigil

_BEAT_NS: Final = 200_000_000  # a fifth of the rule's time to live
_AT_ONCE: Final = 256  # packets judged before anything else is looked at


@dataclass
class FaultInForce:
    """The rule, the queue and the judge of one fault; `ends_ns` by the monotonic clock.

    Where the vigil has no questions, a packet that was lost or changed, or held back and let go,
    tells that it bites.
    """

    rule: Rule
    packets: Packets
    judge: Judge
    ends_ns: int
    vigil: Vigil
    tally: Tally = field(default_factory=Tally)
    beat_ns: int = 0

    def serve(self) -> End:
        """Judge packets until the deadline, or until the line closes."""
        self.beat_ns = time.monotonic_ns() + _BEAT_NS
        while (now := time.monotonic_ns()) < self.ends_ns:
            if now >= self.beat_ns:
                self.tally.lapses += not self.rule.rearm()
                self.beat_ns = now + _BEAT_NS
            self._judged(self.judge.due(now))
            wakes = min(self.beat_ns, self.ends_ns, self.judge.next_due() or self.ends_ns)
            end = self.vigil.keep(wakes, self.packets.fileno())
            if end is not None:
                return end
            self._take()
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
        if self.vigil.questions is None and told:
            self.vigil.seen_since(time.monotonic_ns() - max(verdicts.held_ns, default=0))

    def end(self) -> Counters:
        """Let new packets by, then those that wait, then take the rule away."""
        self.vigil.close()
        self.tally.lapses += not self.rule.disarm()
        while self._take():
            pass
        self._judged(self.judge.release())
        counters = self.tally.counters(self.packets.numbered())
        self.rule.remove()
        self.packets.close()
        return counters
