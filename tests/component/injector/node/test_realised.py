"""What is asked for is what happens, seen by datagrams from outside and by the fault's count."""

import asyncio
import itertools
from statistics import mean

import pytest

from ooda.injector.node.orders import End
from servers.datagrams import train
from servers.sandboxes import Yard
from servers.standing_fault import order_for, standing

COUNT = 10_000


@pytest.mark.parametrize("percent", [5, 30, 95])
async def test_so_many_are_lost_and_their_senders_are_not_told(yard: Yard, percent: float) -> None:
    order = order_for(
        yard,
        fault={"kind": "loss", "percent": percent},
        traffic={"direction": "outgoing", "peers": [yard.peer.address]},
    )
    async with standing(yard, order) as fault:
        with train(yard.target, yard.peer) as datagrams:
            await asyncio.to_thread(datagrams.send, COUNT)  # an error of `send` would end it
            result = await fault.ended()
            arrived = len(datagrams.arrived(within=0.2))
    assert 100 * (COUNT - arrived) / COUNT == pytest.approx(percent, abs=2)
    counters = result.counters
    assert (counters.seen, counters.passed, counters.unheard) == (COUNT, arrived, 0)
    assert counters.loss_percent == 100 * (COUNT - arrived) / COUNT


async def test_incoming_packets_are_lost_too(yard: Yard) -> None:
    order = order_for(yard, fault={"kind": "loss", "percent": 30})
    async with standing(yard, order) as fault:
        with train(yard.peer, yard.target) as datagrams:
            await asyncio.to_thread(datagrams.send, COUNT)
            await fault.ended()
            assert len(datagrams.arrived(within=0.2)) == pytest.approx(
                0.7 * COUNT, abs=0.02 * COUNT
            )


@pytest.mark.parametrize(("delay", "jitter"), [(20, 0), (50, 20)])
async def test_all_are_late_by_what_was_asked_for_and_in_order(
    yard: Yard, delay: float, jitter: float
) -> None:
    order = order_for(
        yard,
        fault={"kind": "delay", "mean_ms": delay, "jitter_ms": jitter},
        traffic={"direction": "outgoing", "peers": [yard.peer.address]},
    )
    async with standing(yard, order) as fault:
        with train(yard.target, yard.peer) as datagrams:
            await asyncio.to_thread(datagrams.send, COUNT)
            await asyncio.to_thread(datagrams.arrived, within=0.2)
            result = await fault.ended()
            arrived = datagrams.arrived(within=0.2)
    assert mean(datagram.took_ms for datagram in arrived) == pytest.approx(delay, abs=2)
    assert result.counters.delay_ms_mean == pytest.approx(delay, abs=2)
    assert [datagram.number for datagram in arrived] == list(range(COUNT))
    # Some make good that others were late on a busy machine: by a fifth of the mean at most.
    assert min(datagram.took_ms for datagram in arrived) >= 0.8 * delay - jitter
    assert result.counters.dropped == 0
    assert result.counters.unheard == 0


async def test_what_waits_goes_on_when_the_fault_ends_early(yard: Yard) -> None:
    order = order_for(yard, fault={"kind": "delay", "mean_ms": 10_000})
    async with standing(yard, order) as fault:
        with train(yard.peer, yard.target) as datagrams:
            datagrams.send(100)
            assert datagrams.arrived(within=0.2) == []
            result = await fault.ended()
            arrived = datagrams.arrived(within=1)
    assert [datagram.number for datagram in arrived] == list(range(100))
    assert result.end is End.STOPPED
    assert (result.counters.passed, result.counters.delayed) == (100, 0)


async def test_a_partition_lets_nothing_through_either_way_and_all_of_it_afterwards(
    yard: Yard,
) -> None:
    order = order_for(
        yard,
        fault={"kind": "partition"},
        traffic={"direction": "both", "peers": [yard.peer.address]},
    )
    with train(yard.peer, yard.target) as there, train(yard.target, yard.peer, port=9001) as back:
        async with standing(yard, order) as fault:
            for datagrams in (there, back):
                await asyncio.to_thread(datagrams.send, 500)
            assert there.arrived(within=0.2) == back.arrived() == []
            result = await fault.ended()
        assert there.passes()
        assert back.passes()
    assert result.counters.loss_percent == 100
    assert result.counters.seen == 1000


async def test_the_same_order_draws_the_same_losses(yard: Yard) -> None:
    order = order_for(yard, fault={"kind": "loss", "percent": 50})
    lost: list[list[int]] = []
    for _ in range(2):
        async with standing(yard, order) as fault:
            with train(yard.peer, yard.target) as datagrams:
                datagrams.send(200)
                await fault.ended()
                lost.append([datagram.number for datagram in datagrams.arrived(within=0.2)])
    assert lost[0] == lost[1]
    assert all(before < after for before, after in itertools.pairwise(lost[0]))
