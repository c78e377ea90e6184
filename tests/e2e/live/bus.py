"""The bus as the tests hear it: all that is said, kept in order, waited for with a deadline."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from e2e.live.threads import in_a_thread
from ooda.common.bus.listening import listen
from ooda.common.events import Event
from ooda.common.settings import NatsSettings
from ooda.common.topology import LOOP, TELEMETRY

T = TypeVar("T")
E = TypeVar("E", bound=Event)
_FIRST = 15.0  # seconds: a snapshot comes every five


@dataclass
class Ear:
    """What was heard since the listening began."""

    _heard: list[Event] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _failure: BaseException | None = None

    def hear(self, event: Event) -> None:
        """Take in one event."""
        with self._news:
            self._heard.append(event)
            self._news.notify_all()

    def fail(self, failure: BaseException) -> None:
        """Tell those who wait that nothing more will be heard."""
        with self._news:
            self._failure = failure
            self._news.notify_all()

    def now(self) -> int:
        """Return how much was heard until now; what comes later is after it."""
        with self._news:
            return len(self._heard)

    def after(self, moment: int, kind: type[E]) -> list[E]:
        """Return the events of a kind that were heard after a moment."""
        with self._news:
            return [each for each in self._heard[moment:] if isinstance(each, kind)]

    def wait(self, find: Callable[[], T | None], what: str, seconds: float) -> T:
        """Return what was looked for once it has been heard.

        Raises AssertionError after `seconds`, with the last that was said; or if the bus is gone.
        """
        found: list[T] = []

        def look() -> bool:
            if self._failure is not None:
                raise AssertionError(f"nothing is heard any more: {self._failure}")
            answer = find()
            if answer is not None:
                found.append(answer)
            return bool(found)

        with self._news:
            if not self._news.wait_for(look, seconds):
                last = "\n".join(f"{e.subject}: {e.summary}" for e in _told(self._heard)[-8:])
                raise AssertionError(
                    f"not heard within {seconds:g} s: {what}. The last was:\n{last}"
                )
        return found[0]


def _told(events: Sequence[Event]) -> list[Event]:
    return [each for each in events if not each.subject.startswith("telemetry.")]


@contextmanager
def ear(settings: NatsSettings) -> Iterator[Ear]:
    """Listen in a thread of its own until the block ends; something was heard when it begins."""
    heard = Ear()
    with in_a_thread(_listen(settings, heard), "ear"):
        heard.wait(lambda: heard.now() or None, "any event at all", _FIRST)
        yield heard


async def _listen(settings: NatsSettings, heard: Ear) -> None:
    try:
        async for each in listen(settings, (*LOOP.subjects, *TELEMETRY.subjects)):
            with suppress(ValueError):  # not an event that we know
                heard.hear(each.event())
    except Exception as failure:  # noqa: BLE001 -- told to those who wait
        heard.fail(failure)
