"""What a signal function says: this deviates, here, since then."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from ooda.common.targets import Target
from ooda.common.taxonomy import Signal
from ooda.observer.core.views import Pod


@dataclass(frozen=True, slots=True)
class Deviation:
    """One signal on one top workload, for one container or for all of it."""

    signal: Signal
    container: str
    since: dt.datetime | None
    """When the cluster says that it began; None if it does not say."""
    sentence: str
    """What is wrong, to follow the workload's name."""
    observed: Mapping[str, str]
    pod: Pod | None = None
    related: tuple[Target, ...] = ()
    """What joins it to anomalies of the same cause, if that is not only what selects its pods."""


VALUE_LIMIT = 300
"""Characters of one observed value."""


def observed(**values: object) -> dict[str, str]:
    """Return what was seen as text, without what is not there."""
    return {
        name: str(value)[:VALUE_LIMIT] for name, value in values.items() if value not in (None, "")
    }
