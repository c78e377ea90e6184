"""Hands of a fault-agent that touch nothing: what they hold is ended as a test has it."""

import asyncio
import datetime as dt
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from ooda.common.clock import SystemClock
from ooda.common.fault_runs import NodeStep, Undone
from ooda.common.node_means import Proof
from ooda.injector.node.hands import Bitten, Outcome, Since


@dataclass
class Held:
    """One call of the hands: it goes on until it is stopped, or as a test has it."""

    order_id: str
    until: dt.datetime
    end: "asyncio.Future[Outcome]"
    bites: Bitten


@dataclass
class HoldingHands:
    """They do nothing but hold, and raise what they are given, once each."""

    biting: bool = False
    """Say of each fault that it bites as soon as it is in force."""
    refuses: list[Exception] = field(default_factory=list)
    again: list[bool] = field(default_factory=list)
    """Of each call, whether it was said to have been in force before."""
    held: list[Held] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    taken_back: list[NodeStep] = field(default_factory=list)

    def take_back(self, step: NodeStep) -> None:
        self.taken_back.append(step)
        if self.refuses:
            raise self.refuses.pop(0)

    def kept_ready(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def carry_out(
        self,
        order_id: str,
        step: NodeStep,  # noqa: ARG002 - of the protocol
        until: dt.datetime,
        stop: asyncio.Event,
        in_force: Since,
        bites: Bitten,
        *,
        again: bool,
    ) -> Outcome:
        self.again.append(again)
        if self.refuses:
            raise self.refuses.pop(0)
        held = Held(order_id, until, asyncio.get_running_loop().create_future(), bites)
        self.held.append(held)
        in_force(SystemClock().now())
        if self.biting:
            bites(SystemClock().now(), Proof.PACKETS)
        stopped = asyncio.create_task(stop.wait())
        try:
            either: list[asyncio.Future[Any]] = [stopped, held.end]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            self.ended.append(order_id)
        return held.end.result() if held.end.done() else ended(Undone.REVERTED)


def ended(undone: Undone) -> Outcome:
    return Outcome(undone, SystemClock().now(), {"packets": 7.0})
