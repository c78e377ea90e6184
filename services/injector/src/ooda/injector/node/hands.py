"""From a step of the journal to the order that carries it out, and from its result back."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ooda.common.fault_runs import NodeStep, Undone
from ooda.common.node_means import Answers, Contact, PacketFault, Proof
from ooda.injector.node.core.lookups import lookup_of
from ooda.injector.node.core.realised import realised_of
from ooda.injector.node.means.disk import NODE_ROOT
from ooda.injector.node.means.orders import ContainerOrder
from ooda.injector.node.means.running import run_in_container, take_back
from ooda.injector.node.orders import (
    ContactOrder,
    End,
    Lookup,
    Order,
    Refusal,
    Result,
    Sandbox,
    SandboxProcess,
)
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.running import run
from ooda.injector.node.sandboxes import PROCESSES, Sandboxes
from ooda.injector.node.workers import Workers

Since = Callable[[dt.datetime], None]
"""Told once that something is so, with the moment since which it is."""
Bitten = Callable[[dt.datetime, Proof], None]
"""Told once that a fault bites: since when, and by what that was seen."""

_UNDONE = {
    End.EXPIRED: Undone.REVERTED,
    End.STOPPED: Undone.REVERTED,
    End.SANDBOX_GONE: Undone.GONE,
    End.REPAIRED: Undone.REPAIRED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fault has ended, and nothing of it is left."""

    undone: Undone
    ended_at: dt.datetime
    realised: Mapping[str, float]
    proof: Proof | None = None
    """By what it was looked for that it bites; None: it was not."""
    well_at: dt.datetime | None = None
    """When it was seen that all is well again."""


class Hands(Protocol):
    """Carries out a step on this node."""

    def kept_ready(self) -> AbstractAsyncContextManager[None]:
        """Be quick to carry out the next step, as long as the block lasts."""
        ...

    async def carry_out(
        self,
        order_id: str,
        step: NodeStep,
        until: dt.datetime,
        stop: asyncio.Event,
        in_force: Since,
        bites: Bitten,
        *,
        again: bool,
    ) -> Outcome:
        """Make the fault and stay until it has ended: at ``until``, or when ``stop`` is set.

        ``in_force`` is told when it is made; ``bites``, of what is looked at from within a pod's
        network, when it is seen to bite. ``again``: it was in force before.

        Raises RefusedError if nothing was done, WorkerLostError if the fault's process was lost.
        """
        ...

    def take_back(self, step: NodeStep) -> None:
        """Remove what is left of a step whose process is gone; twice is no harm.

        Raises RefusedError if the place where it was is gone, too.
        """
        ...


class NodeHands:
    """The hands of this very node.

    ``node_root`` is where its own files are shown, and ``processes`` where its processes are.
    """

    def __init__(
        self,
        sandboxes: Sandboxes,
        workers: Workers,
        node_root: Path = NODE_ROOT,
        processes: Path = PROCESSES,
    ) -> None:
        self._sandboxes = sandboxes
        self._workers = workers
        self._node_root = node_root
        self._processes = processes

    def kept_ready(self) -> AbstractAsyncContextManager[None]:
        """See Hands."""
        return self._workers.kept_ready()

    async def carry_out(
        self,
        order_id: str,
        step: NodeStep,
        until: dt.datetime,
        stop: asyncio.Event,
        in_force: Since,
        bites: Bitten,
        *,
        again: bool,
    ) -> Outcome:
        """See Hands."""

        async def made(order: Order | ContactOrder) -> Result:
            try:
                return await run(
                    order,
                    self._workers,
                    stop=stop,
                    armed=lambda armed: in_force(armed.at),
                    bites=lambda seen: bites(seen.at, seen.proof),
                )
            finally:
                self._workers.prepare()

        match step.means:
            case PacketFault() as means:
                result = await made(self._order(order_id, step, means, until))
                undone, realised = _UNDONE[result.end], realised_of(result)
                return Outcome(undone, result.ended_at, realised, result.proof, result.well_at)
            case Contact(asks=asks):
                asking = ContactOrder(
                    order_id=order_id,
                    sandbox=self._sandbox(step),
                    until=until,
                    asks=asks,
                    answered=again,
                )
                result = await made(asking)
                undone = Undone.GONE if result.end is End.SANDBOX_GONE else Undone.NOTHING
                return Outcome(undone, result.ended_at, {}, result.proof, result.well_at)
            case fault:
                within = ContainerOrder(
                    order_id=order_id,
                    sandbox=self._sandbox(step),
                    pod_uid=step.object.uid,
                    fault=fault,
                    until=until,
                )
                done = await run_in_container(
                    within,
                    stop=stop,
                    armed=lambda armed: in_force(armed.at),
                    node_root=self._node_root,
                )
                return Outcome(_UNDONE[done.end], done.ended_at, done.realised)

    def take_back(self, step: NodeStep) -> None:
        """See Hands."""
        # The rule of the one went with its process, and the other had none.
        if not isinstance(step.means, PacketFault | Contact):
            self._sandbox(step)  # there, and in a namespace that may be touched
            take_back(step.means, step.object.uid)

    def _order(
        self, order_id: str, step: NodeStep, means: PacketFault, until: dt.datetime
    ) -> Order:
        sandbox = self._sandbox(step)
        return Order(
            order_id=order_id,
            sandbox=sandbox,
            until=until,
            lookup=_lookup_in(sandbox, self._processes, means),
            fault=means.fault,
            traffic=means.traffic,
            asks=means.asks,
            spare_node=means.spare_node,
            node_addresses=means.node_addresses,
        )

    def _sandbox(self, step: NodeStep) -> Sandbox:
        sandbox = self._sandboxes.find(step.object.uid)
        if sandbox is None:
            raise RefusedError(Refusal.SANDBOX_GONE, f"{step.object} is not on node {step.node}")
        return sandbox


def _lookup_in(sandbox: Sandbox, processes: Path, means: PacketFault) -> Lookup | None:
    """Return what the pod can look up, by the file that its sandbox has as its containers do."""
    if not isinstance(sandbox, SandboxProcess):
        return None
    # The sandbox's own process is the runtime's, not the pod's: nobody in the pod writes its files.
    told = processes / str(sandbox.pid) / "root/etc/resolv.conf"
    try:
        return lookup_of(told.read_text(errors="replace"), _name_meant(means))
    except OSError:
        return None


def _name_meant(means: PacketFault) -> str | None:
    return means.fault.name if isinstance(means.fault, Answers) else None
