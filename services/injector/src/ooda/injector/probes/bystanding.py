"""Looks whether a run hits anybody but its target."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterError, Object
from ooda.common.fault_runs import Spared
from ooda.injector.core import bystanders
from ooda.injector.core.workloads import TARGETS, with_kind
from ooda.injector.ports import Cluster

log = structlog.get_logger()

PERIOD = 1.0
"""Seconds between two looks. No measurement depends on them."""


async def workloads(api: Cluster, namespace: str) -> Sequence[Object]:
    """Return what runs in a namespace. Raises ClusterError."""
    return [with_kind(kind, each) for kind in TARGETS for each in await api.list(kind, namespace)]


async def hits(
    api: Cluster, namespace: str, spared: Spared, clock: Clock
) -> AsyncIterator[Mapping[str, dt.datetime]]:
    """Yield which of the spared ones are hit now, and since when; for ever."""
    ill_since: Mapping[str, dt.datetime] = {}
    while True:
        try:
            found = await workloads(api, namespace)
        except ClusterError as error:
            log.warning("bystanders could not be seen", error=str(error))
        else:
            now = clock.now()
            ill = bystanders.ill(found, spared.workloads)
            ill_since = bystanders.since(ill_since, ill, now)
            yield bystanders.hit(ill_since, now, spared.hold_seconds)
        await asyncio.sleep(PERIOD)
