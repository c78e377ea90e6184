"""The circuit breaker of an edge, as a pure state machine.

Closed lets calls through and counts failures in a row; at the threshold it
opens. Open refuses until the reset time has passed; then one trial call goes
through (half open), which closes it or opens it again. Times are seconds of
any one monotonic clock.
"""

from dataclasses import dataclass
from typing import assert_never


@dataclass(frozen=True)
class Policy:
    """How many failures in a row open an edge, and how long until a trial call."""

    threshold: int
    reset_after: float


@dataclass(frozen=True)
class Closed:
    """Calls go through."""

    failures: int = 0


@dataclass(frozen=True)
class Open:
    """Calls are refused."""

    since: float


@dataclass(frozen=True)
class HalfOpen:
    """A trial call is under way; other calls are refused."""

    trial_since: float


State = Closed | Open | HalfOpen


def admit(state: State, now: float, policy: Policy) -> tuple[bool, State]:
    """Say whether a call may go out now, and the state after saying so."""
    match state:
        case Closed():
            return True, state
        case Open(since) | HalfOpen(since):
            # A trial that never reported back (its caller went away) gives way to another.
            due = now - since >= policy.reset_after
            return due, HalfOpen(now) if due else state
        case _:
            assert_never(state)


def succeeded(state: State) -> State:
    """Return the state after a call that was answered.

    An answer to a call from before the edge opened does not close it again.
    """
    return state if isinstance(state, Open) else Closed()


def failed(state: State, now: float, policy: Policy) -> State:
    """Return the state after a call that failed."""
    match state:
        case Closed(failures) if failures + 1 < policy.threshold:
            return Closed(failures + 1)
        case Closed() | HalfOpen():
            return Open(now)
        case Open():
            return state
        case _:
            assert_never(state)
