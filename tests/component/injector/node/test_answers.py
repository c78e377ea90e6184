"""Answers of DNS servers to the target say what they are told to, and nobody else's do."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ooda.common.node_means import Proof
from ooda.injector.node.orders import Bites, End, Order
from ooda.injector.node.refusing import WorkerLostError
from servers.datagrams import train
from servers.names import FOUND, NXDOMAIN, SERVFAIL, Answer, naming, told
from servers.sandboxes import NODE, PEER, Yard
from servers.standing_fault import order_for, standing
from servers.waiting import until

CART, DATABASE = "cart.shop.svc.cluster.local", "db.shop.svc.cluster.local"
SOON = timedelta(milliseconds=500)
TTL = 1.5
PATIENCE, ASKED_IN_A_SECOND = 1, 10
PORT_AS_SHOWN = ":0035 "


def order(yard: Yard, rcode: str, name: str | None = None, **stated: Any) -> Order:
    fault = {"kind": "answers", "rcode": rcode, "name": name}
    traffic = {"direction": "incoming", "peer_ports": [53]}
    return order_for(yard, **{"fault": fault, "traffic": traffic, **stated})


def lookup(name: str = CART, *or_else: str) -> dict[str, Any]:
    return {"server": PEER, "name": name, "or_else": or_else}


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(
    ("rcode", "said"),
    [("nxdomain", NXDOMAIN), ("servfail", SERVFAIL), ("none", None)],
)
async def test_only_the_name_is_hit_and_only_in_the_target(
    yard: Yard, rcode: str, said: Answer | None, *, v6: bool
) -> None:
    with naming(yard.peer, v6=v6):
        async with standing(yard, order(yard, rcode, "cart")) as fault:
            assert told(yard.target, yard.peer, CART, v6=v6) == said
            assert told(yard.target, yard.peer, "CART.Shop", v6=v6) == said
            assert told(yard.target, yard.peer, DATABASE, v6=v6) == FOUND
            assert told(yard.bystander, yard.peer, CART, v6=v6) == FOUND
            result = await fault.ended()
        assert told(yard.target, yard.peer, CART, v6=v6) == FOUND
    counters = result.counters
    lost = said is None
    assert (counters.changed, counters.dropped) == ((0, 2) if lost else (2, 0))
    assert (counters.seen, counters.passed, counters.unheard) == (3, 1, 0)


@pytest.mark.parametrize(
    ("rcode", "said"), [("nxdomain", NXDOMAIN), ("servfail", SERVFAIL), ("none", None)]
)
async def test_without_a_name_every_one_is_hit(yard: Yard, rcode: str, said: Answer | None) -> None:
    with naming(yard.peer):
        async with standing(yard, order(yard, rcode)):
            assert told(yard.target, yard.peer, CART) == said
            assert told(yard.target, yard.peer, DATABASE) == said
            assert told(yard.bystander, yard.peer, CART) == FOUND


LOOKED_UP_BY_LIBC = """
import socket
try:
    print(socket.getaddrinfo("cart", 80, socket.AF_INET)[0][4][0])
except socket.gaierror as error:
    print(error.errno)
"""


@pytest.fixture
def looked_up(yard: Yard, tmp_path: Path) -> Callable[[], str]:
    """Look `cart` up in the target by libc: an address, or the number of the error."""
    told = {
        "nsswitch.conf": "hosts: dns\n",
        "resolv.conf": f"search shop.svc.cluster.local\nnameserver {PEER}\n",
    }
    for name, content in told.items():
        (tmp_path / name).write_text(content)
    shown = (f"mount --bind {tmp_path / name} /etc/{name}" for name in told)
    script = " && ".join([*shown, 'exec "$@"'])
    looks_up = ("unshare", "--mount", "sh", "-c", script, "-", sys.executable, "-Sc")
    return lambda: yard.target.command(*looks_up, LOOKED_UP_BY_LIBC).strip()


async def test_a_resolver_of_the_system_reads_what_it_says(
    yard: Yard, looked_up: Callable[[], str]
) -> None:
    """That of libc tells a name that is not there from a server that failed."""
    with naming(yard.peer):
        assert looked_up() == "10.96.0.1"
        for rcode, number in (("nxdomain", socket.EAI_NONAME), ("servfail", socket.EAI_AGAIN)):
            async with standing(yard, order(yard, rcode, "cart")):
                assert looked_up() == str(number)


async def test_what_is_no_answer_over_udp_passes(yard: Yard) -> None:
    with yard.peer.socket(socket.SOCK_STREAM) as serving:
        serving.bind((PEER, 53))
        serving.listen()
        async with standing(yard, order(yard, "none")) as fault:
            with yard.target.socket(socket.SOCK_STREAM) as asking:
                asking.settimeout(2)
                asking.connect((PEER, 53))
                accepted, _ = serving.accept()
                with accepted:
                    accepted.send(b"an answer")
                    assert asking.recv(64) == b"an answer"
            with train(yard.peer, yard.target, own_port=53) as datagrams:
                datagrams.send(100)
                await until(lambda: len(datagrams.arrived()) == 100)
            result = await fault.ended()
    assert (result.counters.seen, result.counters.passed) == (100, 100)


@pytest.mark.parametrize(
    ("rcode", "name", "looked_up"),
    [
        pytest.param("nxdomain", None, lookup(), id="every name"),
        pytest.param("nxdomain", "cart", lookup(), id="a name"),
        pytest.param("servfail", "cart", lookup(), id="a server that fails"),
        pytest.param("none", "cart", lookup(), id="a name that is not answered"),
        pytest.param("nxdomain", "cart", lookup("cart", CART), id="one of several names"),
        pytest.param("servfail", "cart", lookup(DATABASE, CART), id="a name that is not meant"),
    ],
)
async def test_it_bites_since_a_lookup_that_says_so_and_is_well_after_its_end(
    yard: Yard, rcode: str, name: str | None, looked_up: dict[str, Any]
) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    with naming(yard.peer, only=(CART, DATABASE)):
        async with standing(yard, order(yard, rcode, name, lookup=looked_up), news) as fault:
            async with asyncio.timeout(10):
                bites = await news.get()
            assert fault.armed.at <= bites.at <= fault.armed.at + SOON
            result = await fault.ended()
    assert result.proof is Proof.LOOKUPS
    assert result.well_at is not None
    assert result.ended_at <= result.well_at <= result.ended_at + SOON
    assert news.empty()


async def test_a_server_that_falls_silent_does_not_tell_that_it_bites(yard: Yard) -> None:
    """The fault does not reach it: the server is at an address that is spared."""
    news: asyncio.Queue[Bites] = asyncio.Queue()
    spared = order(yard, "nxdomain", "cart", lookup=lookup() | {"server": NODE})
    with contextlib.ExitStack() as answering:
        answering.enter_context(naming(yard.node))
        async with standing(yard, spared, news) as fault:
            answering.close()
            with yard.node.socket(socket.SOCK_DGRAM) as silent:
                silent.bind((NODE, 53))
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(2 * PATIENCE):
                        await news.get()
            # Nobody waits any more for what was asked a second ago.
            sockets = yard.target.command("cat", "/proc/self/net/udp")
            assert sockets.count(PORT_AS_SHOWN) <= ASKED_IN_A_SECOND + 2
            result = await fault.ended()
    assert (result.proof, result.well_at) == (Proof.LOOKUPS, None)


async def test_a_name_that_was_not_there_is_told_by_the_first_answer_that_changes(
    yard: Yard,
) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    with naming(yard.peer, only=(DATABASE,)):
        async with standing(yard, order(yard, "servfail", "cart", lookup=lookup()), news) as fault:
            assert told(yard.target, yard.peer, DATABASE) == FOUND
            assert news.empty()
            before = datetime.now(UTC)
            assert told(yard.target, yard.peer, CART) == SERVFAIL
            async with asyncio.timeout(10):
                bites = await news.get()
            assert before <= bites.at <= datetime.now(UTC)
            result = await fault.ended()
    assert (result.proof, result.well_at) == (Proof.PACKETS, None)


async def test_an_answer_that_says_so_anyway_is_no_effect(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    with naming(yard.peer, only=()):
        async with standing(yard, order(yard, "nxdomain", "cart"), news) as fault:
            assert told(yard.target, yard.peer, CART) == NXDOMAIN
            result = await fault.ended()
    assert (result.counters.changed, result.counters.passed) == (0, 1)
    assert news.empty()


def answered(yard: Yard) -> bool:
    return told(yard.target, yard.peer, CART) == FOUND


async def test_it_ends_by_its_own_clock(yard: Yard) -> None:
    with naming(yard.peer):
        stated = order(yard, "nxdomain", "cart", seconds=3)
        async with standing(yard, stated) as fault:
            assert told(yard.target, yard.peer, CART) == NXDOMAIN
            result = await fault.task
        assert result.end is End.EXPIRED
        assert result.ended_at - stated.until < timedelta(seconds=TTL)
        assert answered(yard)
    assert yard.target.queues() == ""


@pytest.mark.parametrize("rcode", ["nxdomain", "none"])
async def test_killed_it_leaves_answers_as_they_are(yard: Yard, rcode: str) -> None:
    with naming(yard.peer):
        async with standing(yard, order(yard, rcode, "cart")) as fault:
            assert not answered(yard)
            os.kill(fault.armed.worker, signal.SIGKILL)
            await until(lambda: answered(yard), 10)
            assert all(answered(yard) for _ in range(20))
            with pytest.raises(WorkerLostError):
                await fault.task
    assert yard.target.queues() == ""
