"""What became of the packets of one fault, counted."""

from dataclasses import dataclass
from typing import Final

from ooda.injector.node.core.judges import Verdicts
from ooda.injector.node.orders import Counters

_MS: Final = 1_000_000


@dataclass
class Tally:
    """The count so far."""

    seen: int = 0
    passed: int = 0
    dropped: int = 0
    changed: int = 0
    lapses: int = 0
    held: int = 0
    most_held: int = 0
    waits: int = 0
    total_ns: int = 0
    least_ns: int | None = None
    most_ns: int | None = None

    def came(self, count: int) -> None:
        """Count packets that came; they wait for their verdict."""
        self.seen += count
        self.held += count
        self.most_held = max(self.most_held, self.held)

    def judged(self, verdicts: Verdicts) -> None:
        """Count packets whose verdict was given."""
        self.passed += verdicts.passed
        self.dropped += len(verdicts.drop)
        self.changed += len(verdicts.change)
        self.held -= verdicts.passed + len(verdicts.drop) + len(verdicts.change)
        if verdicts.held_ns:
            self.waits += len(verdicts.held_ns)
            self.total_ns += sum(verdicts.held_ns)
            least, most = min(verdicts.held_ns), max(verdicts.held_ns)
            self.least_ns = least if self.least_ns is None else min(self.least_ns, least)
            self.most_ns = most if self.most_ns is None else max(self.most_ns, most)

    def counters(self, numbered: int) -> Counters:
        """Give the count; the kernel numbered `numbered` packets for us."""
        return Counters(
            seen=self.seen,
            passed=self.passed,
            dropped=self.dropped,
            changed=self.changed,
            delayed=self.waits,
            unheard=max(0, numbered - self.seen),
            lapses=self.lapses,
            most_held=self.most_held,
            delay_ms_total=self.total_ns / _MS,
            delay_ms_least=None if self.least_ns is None else self.least_ns / _MS,
            delay_ms_most=None if self.most_ns is None else self.most_ns / _MS,
        )
