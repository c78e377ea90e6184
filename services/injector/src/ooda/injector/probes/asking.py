"""Probes that ask again and again: a connection to a Service, a request as a service account."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from ooda.common.cluster.interface import Unavailable
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_probes import AccessProbe, EndpointsProbe
from ooda.common.fault_runs import FaultRun
from ooda.injector.core.looks import (
    READING,
    Look,
    addresses_of,
    look_at_access,
    look_at_endpoints,
)
from ooda.injector.credentials import Credentials
from ooda.injector.databases import DatabaseError
from ooda.injector.ports import Cluster
from ooda.injector.probes.interface import Dial

log = structlog.get_logger()


async def _again_and_again(
    look: Callable[[], Awaitable[Look]], period: float
) -> AsyncIterator[Look]:
    """Look once in a period; while the API server is away nothing is seen."""
    while True:
        try:
            yield await look()
        except Unavailable as error:
            log.warning("nothing could be seen", error=str(error))
        await asyncio.sleep(period)


class Endpoints:
    """See EndpointsProbe."""

    period = 0.25

    def __init__(self, api: Cluster, namespace: str, probe: EndpointsProbe, dial: Dial) -> None:
        self._api, self._namespace, self._probe, self._dial = api, namespace, probe, dial

    async def look(self) -> Look:
        """See Probe."""
        slices = await self._api.list(Kind.ENDPOINT_SLICE, self._namespace)
        now = addresses_of(slices, self._probe.service)
        answered = self._probe.reachable and await any_answers(self._dial, now)
        return look_at_endpoints(self._probe, now, answered=answered)

    def looks(self) -> AsyncIterator[Look]:
        """See Probe."""
        return _again_and_again(self.look, self.period)


async def any_answers(dial: Dial, addresses: tuple[str, ...]) -> bool:
    """Say whether a connection to any of these is made, all tried at once."""
    pairs = [each.rpartition(":") for each in addresses]
    tried = await asyncio.gather(*(dial(host.strip("[]"), int(port)) for host, _, port in pairs))
    return any(tried)


class Logins:
    """See LoginProbe."""

    period = 0.5

    def __init__(self, credentials: Credentials, run: FaultRun) -> None:
        self._credentials, self._run = credentials, run

    async def look(self) -> Look:
        """See Probe."""
        try:
            return await self._credentials.look(self._run)
        except DatabaseError as error:
            raise Unavailable(str(error)) from error

    def looks(self) -> AsyncIterator[Look]:
        """See Probe."""
        return _again_and_again(self.look, self.period)


class Access:
    """See AccessProbe."""

    period = 0.5

    def __init__(self, api: Cluster, namespace: str, probe: AccessProbe) -> None:
        self._api, self._namespace, self._probe = api, namespace, probe

    async def look(self) -> Look:
        """See Probe."""
        account, rule = self._probe.account, self._probe.rule
        may = await self._api.may(self._namespace, account, rule)
        let_in = None
        if rule.verb in READING:
            let_in = await self._api.is_let_in(self._namespace, account, rule)
        return look_at_access(self._probe, may=may, let_in=let_in)

    async def _bites(self) -> Look:
        """Look, with a request of the account's own only where a review denies it already."""
        account, rule = self._probe.account, self._probe.rule
        if await self._api.may(self._namespace, account, rule):
            return look_at_access(self._probe, may=True, let_in=None)
        return await self.look()

    def looks(self) -> AsyncIterator[Look]:
        """See Probe."""
        return _again_and_again(self._bites, self.period)
