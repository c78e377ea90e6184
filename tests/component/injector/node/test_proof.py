"""That a fault in a pod's network bites, and is gone, is seen from within that network."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ooda.common.node_means import Proof
from ooda.injector.node.orders import Bites, End, Order
from servers.closing import closing
from servers.datagrams import train
from servers.names import naming
from servers.sandboxes import NODE, PEER, Yard
from servers.standing_fault import order_for, standing

LOOKUP = {"server": PEER, "name": "kubernetes.default.svc.cluster.local"}
CUT = {"kind": "partition"}
NOBODY = {"address": PEER, "port": 9}
SERVED_PORT = 8080
SERVED = {"address": PEER, "port": SERVED_PORT}
AWAY = {"address": "10.98.7.99", "port": 9}
"""No place has this address."""
SOON = timedelta(milliseconds=500)
QUIET = 0.5
"""Seconds in which nothing is seen, of something that would be seen at once."""


def order(yard: Yard, **stated: Any) -> Order:
    return order_for(yard, **{"lookup": LOOKUP, **stated})


async def seen(news: "asyncio.Queue[Bites]") -> Bites:
    async with asyncio.timeout(10):
        return await news.get()


async def unseen(news: "asyncio.Queue[Bites]") -> bool:
    try:
        async with asyncio.timeout(QUIET):
            await news.get()
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize(
    ("fault", "traffic"),
    [
        pytest.param(CUT, {"direction": "incoming", "peer_ports": [53]}, id="no lookups"),
        pytest.param(CUT, {"direction": "both"}, id="cut"),
        pytest.param({"kind": "delay", "mean_ms": 300}, {"direction": "incoming"}, id="late"),
    ],
)
async def test_it_bites_since_the_first_lookup_and_is_well_after_its_end(
    yard: Yard, fault: Any, traffic: Any
) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    with naming(yard.peer):
        async with standing(yard, order(yard, fault=fault, traffic=traffic), news) as made:
            bites = await seen(news)
            assert made.armed.at <= bites.at <= made.armed.at + SOON
            result = await made.ended()
    assert (result.proof, bites.proof) == (Proof.LOOKUPS, Proof.LOOKUPS)
    assert result.well_at is not None
    assert result.ended_at <= result.well_at <= result.ended_at + SOON
    assert news.empty()


async def test_of_a_share_that_is_lost_one_lookup_tells(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    with naming(yard.peer):
        async with standing(yard, order(yard, fault={"kind": "loss", "percent": 50}), news) as made:
            bites = await seen(news)
            assert made.armed.at <= bites.at
            result = await made.ended()
    assert (result.proof, result.well_at is not None) == (Proof.LOOKUPS, True)
    assert result.counters.dropped > 0


async def test_a_lookup_that_the_fault_does_not_hit_tells_that_it_does_not_bite(yard: Yard) -> None:
    """The server is at an address that is spared, as a cluster may have it."""
    news: asyncio.Queue[Bites] = asyncio.Queue()
    spared = order(yard, fault=CUT, lookup=LOOKUP | {"server": NODE})
    with naming(yard.node):
        async with standing(yard, spared, news) as made:
            assert await unseen(news)
            result = await made.ended()
    assert (result.proof, result.well_at is not None) == (Proof.LOOKUPS, True)


async def test_who_is_not_answered_afterwards_is_not_well(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    with naming(yard.peer):
        held = standing(yard, order(yard, fault=CUT), news)
        made = await held.__aenter__()
    try:
        begun = datetime.now(UTC)
        result = await made.ended()
    finally:
        await held.__aexit__(None, None, None)
    assert (result.proof, result.well_at) == (Proof.LOOKUPS, None)
    assert result.ended_at - begun < timedelta(seconds=1)  # the fault itself is not kept for that


@pytest.mark.parametrize(
    ("fault", "direction"),
    [
        pytest.param(CUT, "incoming", id="cut"),
        pytest.param(CUT, "outgoing", id="cut, outgoing"),
        pytest.param(CUT, "both", id="cut both ways"),
        pytest.param({"kind": "delay", "mean_ms": 300}, "incoming", id="late"),
        pytest.param({"kind": "delay", "mean_ms": 300}, "outgoing", id="late, outgoing"),
        pytest.param({"kind": "loss", "percent": 50}, "incoming", id="a share"),
    ],
)
@pytest.mark.parametrize("served", [True, False])
async def test_with_one_peer_connections_to_it_tell(
    yard: Yard, fault: Any, direction: str, *, served: bool
) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    traffic = {"direction": direction, "peers": [PEER]}
    made = order(yard, fault=fault, traffic=traffic, asks=[SERVED if served else NOBODY])
    with contextlib.ExitStack() as held:
        if served:
            held.enter_context(closing(yard.peer, SERVED_PORT))
        async with standing(yard, made, news) as stands:
            bites = await seen(news)
            assert stands.armed.at <= bites.at
            if fault["kind"] != "loss":
                assert bites.at <= stands.armed.at + SOON
            result = await stands.ended()
    assert (result.proof, bites.proof) == (Proof.CONNECTIONS, Proof.CONNECTIONS)
    assert result.well_at is not None
    assert result.ended_at <= result.well_at <= result.ended_at + SOON
    assert news.empty()


async def test_calls_that_are_accepted_and_not_answered_tell(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    traffic = {"direction": "incoming", "peers": [PEER], "peer_ports": [SERVED_PORT]}
    made = order(yard, fault={"kind": "unanswered"}, traffic=traffic, asks=[SERVED])
    with closing(yard.peer, SERVED_PORT):
        async with standing(yard, made, news) as stands:
            bites = await seen(news)
            assert stands.armed.at <= bites.at <= stands.armed.at + SOON
            result = await stands.ended()
    assert (result.proof, result.well_at is not None) == (Proof.CONNECTIONS, True)


async def test_one_peer_that_answers_is_enough(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    traffic = {"direction": "incoming", "peers": [AWAY["address"], PEER]}
    made = order(yard, fault=CUT, traffic=traffic, asks=[AWAY, SERVED])
    with closing(yard.peer, SERVED_PORT):
        async with standing(yard, made, news) as stands:
            await seen(news)
            result = await stands.ended()
    assert (result.proof, result.well_at is not None) == (Proof.CONNECTIONS, True)


async def test_who_has_no_peer_that_answers_afterwards_is_not_well(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    traffic = {"direction": "incoming", "peers": [PEER]}
    made = order(yard, fault=CUT, traffic=traffic, asks=[NOBODY])
    async with standing(yard, made, news) as stands:
        await seen(news)
        with yard.without(yard.peer):
            result = await stands.ended()
    assert (result.proof, result.well_at) == (Proof.CONNECTIONS, None)
    assert result.end is End.STOPPED


@pytest.mark.parametrize(
    "stated",
    [
        pytest.param({"lookup": None}, id="nothing to look up"),
        pytest.param({}, id="not answered before either"),
        pytest.param({"traffic": {"direction": "incoming", "peers": [PEER]}}, id="nobody to ask"),
        pytest.param(
            {"traffic": {"direction": "incoming", "peers": [PEER]}, "asks": [AWAY]},
            id="a peer that is not there",
        ),
    ],
)
async def test_else_the_first_packet_tells_that_is_lost(yard: Yard, stated: Any) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    async with standing(yard, order(yard, fault=CUT, **stated), news) as made:
        with train(yard.peer, yard.target) as datagrams:
            before = datetime.now(UTC)
            assert not datagrams.passes()
        bites = await seen(news)
        assert before <= bites.at <= datetime.now(UTC)
        result = await made.ended()
    assert (result.proof, bites.proof, result.well_at) == (Proof.PACKETS, Proof.PACKETS, None)
    assert news.empty()


async def test_a_packet_that_is_late_tells_since_it_came(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    traffic = {"direction": "incoming", "peers": [PEER]}
    late = order(yard, fault={"kind": "delay", "mean_ms": 300}, traffic=traffic)
    async with standing(yard, late, news):
        with train(yard.peer, yard.target) as datagrams:
            sent = datetime.now(UTC)
            datagrams.send(1)
            bites = await seen(news)
    assert sent <= bites.at + timedelta(milliseconds=1)
    assert bites.at <= sent + SOON


async def test_packets_of_others_tell_nothing(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    traffic = {"direction": "incoming", "peers": [PEER]}
    async with standing(yard, order(yard, fault=CUT, traffic=traffic), news):
        with train(yard.bystander, yard.target) as datagrams:
            assert datagrams.passes()
        assert await unseen(news)
