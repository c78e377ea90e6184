"""Which workloads a run should spare, and which of them it hits. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ooda.injector.core.workloads import counts_of, name_of

Object = Mapping[str, Any]


def healthy(workloads: Sequence[Object], target: Object) -> tuple[str, ...]:
    """Return the workloads beside the target that have all of their replicas, in order.

    One that wants none, or has not all anyway, could not be seen to be hit.
    """
    return tuple(
        sorted(
            name_of(each)
            for each in workloads
            if each["metadata"]["uid"] != target["metadata"]["uid"]
            and counts_of(each).wanted > 0
            and not _short(each)
        )
    )


def ill(workloads: Sequence[Object], spared: Iterable[str]) -> frozenset[str]:
    """Return which of the spared are gone, or have fewer replicas ready than they want."""
    now = {name_of(each): each for each in workloads}
    return frozenset(name for name in spared if name not in now or _short(now[name]))


def since(
    before: Mapping[str, dt.datetime], now_ill: Iterable[str], now: dt.datetime
) -> Mapping[str, dt.datetime]:
    """Return since when each is ill without a break."""
    return {name: before.get(name, now) for name in sorted(now_ill)}


def hit(
    ill_since: Mapping[str, dt.datetime], now: dt.datetime, hold_seconds: float
) -> Mapping[str, dt.datetime]:
    """Return which are ill for so long that it is no rollout of their own."""
    return {
        name: at for name, at in ill_since.items() if (now - at).total_seconds() >= hold_seconds
    }


def _short(live: Object) -> bool:
    counts = counts_of(live)
    return counts.ready < counts.wanted
