"""Waiting for a cluster: ask again and again until it is so, or a deadline has passed."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE = 0.2  # seconds between two questions


def wait_until(ask: Callable[[], T], what: str, seconds: float) -> T:
    """Return the first true answer; raises AssertionError with the last one after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not so after {seconds:g} s: {what} (last answer: {answer!r})")
        time.sleep(_PAUSE)


def seconds_until(ask: Callable[[], object], what: str, seconds: float) -> float:
    """How long it took until the answer was true; raises AssertionError after `seconds`."""
    began = time.monotonic()
    wait_until(ask, what, seconds)
    return time.monotonic() - began
