"""What is heeded while an order is in force: its line, the sandbox, and whether it bites."""

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ooda.injector.node.orders import End
from ooda.injector.node.questions import Questions

_SECOND: Final = 1_000_000_000


@dataclass
class Vigil:
    """`bites` is told once when the fault is first seen to bite, by the monotonic clock.

    That is when a question tells of it; without `questions`, whoever keeps the vigil says so
    (`seen_since`).
    """

    line: int  # what closes when the order is to end early
    sandbox: int | None  # what becomes readable when the sandbox's process ends
    questions: Questions | None
    bites: Callable[[int], None]
    seen: bool = False

    def keep(self, until_ns: int, *also: int) -> End | None:
        """Wait until something happens, to the descriptors `also` too; say if the order is over."""
        asked = self._asked(time.monotonic_ns())
        now = time.monotonic_ns()
        wakes = until_ns if asked is None else min(until_ns, asked.wakes(now))
        watched = [self.line, *also, *([] if self.sandbox is None else [self.sandbox])]
        watched += [] if asked is None else [asked.fileno()]
        pause = max(0, wakes - now) / _SECOND
        ready, _, _ = select.select(watched, [], [], pause)
        if self.line in ready and not os.read(self.line, 1):
            return End.STOPPED
        if self.sandbox in ready:
            return End.SANDBOX_GONE
        if asked is not None:
            asked.heard()
        return None

    def keep_until(self, ends_ns: int) -> End:
        """Wait for the end of the order, which is then at the latest."""
        while time.monotonic_ns() < ends_ns:
            end = self.keep(ends_ns)
            if end is not None:
                return end
        return End.EXPIRED

    def seen_since(self, since: int) -> None:
        """Tell that it bites, unless that was told."""
        if not self.seen:
            self.seen = True
            self.bites(since)

    def close(self) -> None:
        """Ask nothing any more."""
        if self.questions is not None and not self.seen:
            self.questions.close()

    def _asked(self, now: int) -> Questions | None:
        """Go on asking; None if there is no need to."""
        if self.questions is None or self.seen:
            return None
        since = self.questions.turn(now)
        if since is None:
            return self.questions
        self.questions.close()
        self.seen_since(since)
        return None
