"""How many packets a fault can judge without losing any of its own accord, and how soon it bites.

Run it as root with ``PYTHONPATH=tests .venv/bin/python benchmarks/packet_faults.py``. It makes
namespaces of its own and stays in them.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from statistics import median
from typing import Any

import structlog

from servers.datagrams import train
from servers.sandboxes import Yard, unable
from servers.standing_fault import order_for, standing

COUNT = 20_000
ENDINGS = 10
RATES = (1_000, 5_000, 10_000, 20_000, 30_000, 40_000)
TCP_SECONDS = 3.0
CHUNK = bytes(256 << 10)
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "delay", "mean_ms": 20},
    {"kind": "delay", "mean_ms": 200, "jitter_ms": 50},
    {"kind": "loss", "percent": 5},
    {"kind": "loss", "percent": 30},
)


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


async def at_rate(yard: Yard, fault: dict[str, Any], rate: int) -> str:
    """Send at a rate, and compare what came in with what the fault let pass."""
    called = time.time()
    async with standing(yard, order_for(yard, fault=fault, seconds=60)) as stands:
        bites = stands.armed.at.timestamp() - called
        with train(yard.peer, yard.target) as datagrams:
            begun = time.monotonic()
            await asyncio.to_thread(datagrams.send, COUNT, every_ms=1000 / rate)
            reached = COUNT / (time.monotonic() - begun)
            await asyncio.to_thread(datagrams.arrived, within=0.5)
            result = await stands.ended()
            arrived = len(datagrams.arrived(within=0.2))
    counters = result.counters
    own = COUNT - counters.dropped - arrived
    realised = counters.delay_ms_mean if fault["kind"] == "delay" else counters.loss_percent
    return (
        f"{reached:7.0f} packets/s: lost of its own accord {own}, passed untouched "
        f"{counters.unheard}, realised {realised:.2f}, in force after {bites * 1000:.0f} ms"
    )


def _flood(calling: socket.socket, served: socket.socket) -> float:
    """Give the megabits a second that one connection carries."""
    calling.settimeout(0)
    served.settimeout(0)
    taken, begun = 0, time.monotonic()
    while time.monotonic() - begun < TCP_SECONDS:
        try:
            calling.send(CHUNK)
        except BlockingIOError:
            time.sleep(0.0002)
        try:
            while got := len(served.recv(1 << 20)):
                taken += got
        except BlockingIOError:
            continue
    return taken * 8 / 1e6 / (time.monotonic() - begun)


async def stream(yard: Yard, fault: dict[str, Any] | None) -> float:
    """Give what a connection carries under the fault."""
    with (
        yard.target.socket(socket.SOCK_STREAM) as listening,
        yard.peer.socket(socket.SOCK_STREAM) as calling,
    ):
        listening.bind((yard.target.address, 0))
        listening.listen()
        async with contextlib.AsyncExitStack() as held:
            if fault is not None:
                await held.enter_async_context(standing(yard, order_for(yard, fault=fault)))
            calling.connect(listening.getsockname())
            served, _ = listening.accept()
            with served:
                return await asyncio.to_thread(_flood, calling, served)


async def after_signal(yard: Yard, fault: dict[str, Any], number: signal.Signals) -> float:
    """Give how long packets are still hit once the process has got a signal, in milliseconds."""
    with train(yard.peer, yard.target) as datagrams:
        async with standing(yard, order_for(yard, fault=fault)) as stands:
            os.kill(stands.armed.worker, number)
            begun = time.monotonic()
            while not datagrams.passes():
                pass
            took = time.monotonic() - begun
            if number is signal.SIGSTOP:
                os.kill(stands.armed.worker, signal.SIGCONT)
            await asyncio.gather(stands.task, stands.ended(), return_exceptions=True)
    return took * 1000


async def overshoot(yard: Yard, fault: dict[str, Any]) -> float:
    """Give how long after its deadline a fault and its rule are gone, in milliseconds."""
    order = order_for(yard, fault=fault, seconds=1)
    async with standing(yard, order) as stands:
        result = await stands.task
    return (result.ended_at - order.until).total_seconds() * 1000


async def endings(yard: Yard) -> None:
    """Measure how faults end."""
    partition = {"kind": "partition"}
    rounds = [partition, *FAULTS[:1]] * ENDINGS
    killed = [await after_signal(yard, fault, signal.SIGKILL) for fault in rounds]
    stopped = [await after_signal(yard, partition, signal.SIGSTOP) for _ in range(ENDINGS)]
    over = [await overshoot(yard, fault) for fault in rounds]
    for what, seen in (
        ("SIGKILL → packets pass", killed),
        ("SIGSTOP → packets pass", stopped),
        ("deadline → gone", over),
    ):
        say(f"{what}: median {median(seen):.0f} ms, worst {max(seen):.0f} ms of {len(seen)}")


async def main() -> None:
    """Measure."""
    if reason := unable():
        sys.exit(reason)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with Yard.made() as yard:
        for fault in FAULTS:
            say(f"datagrams under {fault}")
            for rate in RATES:
                say("  " + await at_rate(yard, fault, rate))
        await endings(yard)
        say(f"one connection: {await stream(yard, None):.0f} Mbit/s without a fault")
        for fault in FAULTS:
            say(f"one connection: {await stream(yard, fault):.1f} Mbit/s under {fault}")


if __name__ == "__main__":
    asyncio.run(main())
