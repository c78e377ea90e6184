"""What a cluster's network does, in a yard: Services have addresses, and NetworkPolicies are kept.

The bystander serves; its wire is cut while there is a policy that shuts the client out.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from ooda.common.cluster.kinds import Kind
from servers.breakable import TARGET, Breakable
from servers.closing import closing
from servers.sandboxes import Place, Yard
from servers.waiting import until

_HOUR = 3600.0


@asynccontextmanager
async def serving(breakable: Breakable, yard: Yard, service: str, port: int) -> AsyncIterator[None]:
    """Serve as a Service does, at its own address."""
    live = await breakable.api.get(Kind.SERVICE, breakable.namespace, service)
    with _at_address(yard, live["spec"]["clusterIP"]) as place, closing(place, port):
        yield


@asynccontextmanager
async def enforcing(breakable: Breakable, yard: Yard, *, lifts: bool = True) -> AsyncIterator[None]:
    """Do what a network does about NetworkPolicies; without `lifts`, not about their end."""
    task = asyncio.create_task(_enforce(breakable, yard, lifts=lifts))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def shut_out(breakable: Breakable) -> bool:
    """Say whether there is a policy that shuts the client out."""
    return await breakable.there(Kind.NETWORK_POLICY, f"{TARGET}-ingress")


async def _enforce(breakable: Breakable, yard: Yard, *, lifts: bool) -> None:
    async def let_in() -> bool:
        return not await shut_out(breakable)

    while True:
        await until(lambda: shut_out(breakable), _HOUR)
        with yard.without(yard.bystander):
            await (until(let_in, _HOUR) if lifts else asyncio.Event().wait())


@contextmanager
def _at_address(yard: Yard, address: str) -> Iterator[Place]:
    """Give the bystander one more address, as the others see it."""
    on = ("dev", "eth0")
    yard.bystander.command("ip", "address", "add", f"{address}/32", *on)
    for each in (yard.target, yard.peer):
        each.command("ip", "route", "add", f"{address}/32", *on)
    try:
        yield replace(yard.bystander, address=address)
    finally:
        for each in (yard.target, yard.peer):
            each.command("ip", "route", "delete", f"{address}/32", *on)
        yard.bystander.command("ip", "address", "delete", f"{address}/32", *on)
