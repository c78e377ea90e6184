"""From a step of the journal to the order that carries it out, and from its result back."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ooda.common.fault_runs import NodeStep, Undone
from ooda.common.node_means import PacketFault
from ooda.injector.node.core.realised import realised_of
from ooda.injector.node.namespaces import NODE
from ooda.injector.node.orders import End, Order, Refusal
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.running import run
from ooda.injector.node.sandboxes import Sandboxes

InForce = Callable[[dt.datetime], None]
"""Told once the fault is in force, with the moment since which it is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fault has ended, and nothing of it is left."""

    undone: Undone
    ended_at: dt.datetime
    realised: Mapping[str, float]


class Hands(Protocol):
    """Carries out a step on this node."""

    async def carry_out(
        self,
        order_id: str,
        step: NodeStep,
        until: dt.datetime,
        stop: asyncio.Event,
        in_force: InForce,
    ) -> Outcome:
        """Make the fault and stay until it has ended: at ``until``, or when ``stop`` is set.

        Raises RefusedError if nothing was done, WorkerLostError if the fault's process was lost.
        """
        ...


class NodeHands:
    """The hands of this very node; ``node`` is where its own network namespace is shown."""

    def __init__(self, sandboxes: Sandboxes, node: Path = NODE) -> None:
        self._sandboxes = sandboxes
        self._node = node

    async def carry_out(
        self,
        order_id: str,
        step: NodeStep,
        until: dt.datetime,
        stop: asyncio.Event,
        in_force: InForce,
    ) -> Outcome:
        """See Hands."""
        match step.means:
            case PacketFault() as means:
                order = self._order(order_id, step, means, until)
                result = await run(
                    order, stop=stop, armed=lambda armed: in_force(armed.at), node=self._node
                )
                gone = result.end is End.SANDBOX_GONE
                return Outcome(
                    Undone.GONE if gone else Undone.REVERTED,
                    result.ended_at,
                    realised_of(result),
                )

    def _order(
        self, order_id: str, step: NodeStep, means: PacketFault, until: dt.datetime
    ) -> Order:
        sandbox = self._sandboxes.find(step.object.uid)
        if sandbox is None:
            raise RefusedError(Refusal.SANDBOX_GONE, f"{step.object} is not on node {step.node}")
        return Order(
            order_id=order_id,
            sandbox=sandbox,
            until=until,
            fault=means.fault,
            traffic=means.traffic,
            spare_node=means.spare_node,
            node_addresses=means.node_addresses,
        )
