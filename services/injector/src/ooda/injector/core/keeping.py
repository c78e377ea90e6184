"""Which runs of the journal need not be kept any more. Pure."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ooda.common.fault_runs import FaultRun, Phase
from ooda.injector.core.announcements import due

YOUNG = dt.timedelta(minutes=10)
"""A run that ended since then is kept in any case: it is what tells a replay of its request, which
is valid for half a minute, and it may be evaluated."""


def superfluous(runs: Iterable[FaultRun], keep: int, now: dt.datetime) -> Sequence[str]:
    """Return the ids of runs that can be removed: all but the last ``keep`` of each namespace.

    Never one that is not over, whose end was not told, or whose teardown failed: the last is what
    keeps its namespace in quarantine.
    """
    by_namespace: dict[str, list[FaultRun]] = defaultdict(list)
    for each in runs:
        if each.phase is Phase.ENDED:
            by_namespace[each.namespace].append(each)
    found: list[str] = []
    for ended in by_namespace.values():
        newest_first = sorted(ended, key=_ended, reverse=True)
        found += [
            each.run_id
            for each in newest_first[keep:]
            if _ended(each) < now - YOUNG and not due(each)
        ]
    return found


def _ended(run: FaultRun) -> dt.datetime:
    return run.times[str(Phase.ENDED)]
