"""Whether what the observer last said can be relied on. Pure."""

import datetime as dt

from ooda.common.events import TelemetrySnapshot
from ooda.common.taxonomy import Source

LATE = dt.timedelta(seconds=15)
"""Three periods of the snapshots."""


def blind_reason(snapshot: TelemetrySnapshot | None, now: dt.datetime) -> str | None:
    """Return why nothing may be concluded, None if the observer sees.

    Stale metrics are no reason: every tool that needs them says itself that it could not look.
    """
    if snapshot is None:
        return "the observer has not said anything of this namespace yet"
    age = now - snapshot.occurred_at
    if age > LATE:
        return f"the observer was heard last {age.total_seconds():.0f} s ago"
    if any(each.source is Source.KUBERNETES and each.stale for each in snapshot.freshness):
        return "the observer does not see the cluster"
    return None
