"""Only the packets that are meant are hit."""

from ipaddress import IPv4Network
from typing import Any

import pytest

from ooda.injector.node.orders import Refusal
from ooda.injector.node.refusing import RefusedError
from servers.datagrams import train
from servers.sandboxes import BYSTANDER, PEER, TARGET, Place, Yard
from servers.standing_fault import order_for, standing

CUT = {"kind": "partition"}


def _flows(source: Place, destination: Place, **ports: Any) -> bool:
    with train(source, destination, **ports) as datagrams:
        return datagrams.passes()


async def test_a_bystander_is_not_hit(yard: Yard) -> None:
    traffic = {"direction": "both", "peers": [PEER]}
    async with standing(yard, order_for(yard, fault=CUT, traffic=traffic)) as fault:
        assert not _flows(yard.peer, yard.target)
        assert not _flows(yard.target, yard.peer)
        assert _flows(yard.bystander, yard.target)
        assert _flows(yard.target, yard.bystander)
        assert _flows(yard.peer, yard.bystander)
        result = await fault.ended()
    assert result.counters.seen == 2


async def test_a_bystander_loses_nothing_in_a_thousand(yard: Yard) -> None:
    traffic = {"direction": "incoming", "peers": [PEER]}
    order = order_for(yard, fault={"kind": "loss", "percent": 95}, traffic=traffic)
    async with standing(yard, order):
        with train(yard.bystander, yard.target) as datagrams:
            datagrams.send(1000)
            assert len(datagrams.arrived(within=0.2)) == 1000


@pytest.mark.parametrize(
    ("direction", "still_flows"),
    [("incoming", {"back"}), ("outgoing", {"there"}), ("both", set())],
)
async def test_one_way_is_one_way(yard: Yard, direction: str, still_flows: set[str]) -> None:
    traffic = {"direction": direction, "peers": [PEER]}
    async with standing(yard, order_for(yard, fault=CUT, traffic=traffic)):
        assert _flows(yard.peer, yard.target) is ("there" in still_flows)
        assert _flows(yard.target, yard.peer) is ("back" in still_flows)


async def test_peers_may_be_a_net_but_for_what_is_outside(yard: Yard) -> None:
    net = IPv4Network(f"{PEER}/32").supernet(new_prefix=31)  # .12 and .13
    traffic = {"direction": "incoming", "peers": [str(net)]}
    async with standing(yard, order_for(yard, fault=CUT, traffic=traffic)):
        assert not _flows(yard.peer, yard.target)
        assert not _flows(yard.bystander, yard.target)
        assert _flows(yard.node, yard.target)


async def test_without_peers_all_are_hit_but_the_node_and_the_pod_itself(yard: Yard) -> None:
    traffic = {"direction": "both"}
    async with standing(yard, order_for(yard, fault=CUT, traffic=traffic)):
        assert not _flows(yard.peer, yard.target)
        assert not _flows(yard.bystander, yard.target)
        assert _flows(yard.node, yard.target)
        assert _flows(yard.target, yard.node)
        assert _flows(yard.target, yard.target)


async def test_the_node_is_hit_if_that_is_asked_for(yard: Yard) -> None:
    traffic = {"direction": "both"}
    order = order_for(yard, fault=CUT, traffic=traffic, spare_node=False)
    async with standing(yard, order):
        assert not _flows(yard.node, yard.target)


async def test_further_addresses_of_the_node_are_spared(yard: Yard) -> None:
    order = order_for(yard, fault=CUT, node_addresses=[BYSTANDER])
    async with standing(yard, order):
        assert _flows(yard.bystander, yard.target)
        assert not _flows(yard.peer, yard.target)


async def test_ports_of_the_pod_itself(yard: Yard) -> None:
    traffic = {"direction": "both", "own_ports": [9000, 9100]}
    async with standing(yard, order_for(yard, fault=CUT, traffic=traffic)):
        assert not _flows(yard.peer, yard.target, port=9000)
        assert not _flows(yard.peer, yard.target, port=9100)
        assert _flows(yard.peer, yard.target, port=9001)
        assert not _flows(yard.target, yard.peer, port=9001, own_port=9000)
        assert _flows(yard.target, yard.peer, port=9000, own_port=9001)


async def test_ports_of_the_peers(yard: Yard) -> None:
    traffic = {"direction": "both", "peers": [PEER], "peer_ports": [5432]}
    async with standing(yard, order_for(yard, fault=CUT, traffic=traffic)):
        assert not _flows(yard.target, yard.peer, port=5432)
        assert _flows(yard.target, yard.peer, port=5433)
        assert not _flows(yard.peer, yard.target, own_port=5432)
        assert _flows(yard.target, yard.bystander, port=5432)


async def test_ipv6_is_hit_alike_and_its_neighbours_are_still_found(yard: Yard) -> None:
    yard.target.command("ip", "-6", "neighbour", "flush", "dev", "eth0")
    async with standing(yard, order_for(yard, fault=CUT, traffic={"direction": "both"})):
        assert not _flows(yard.peer, yard.target, v6=True)
        # Found out under the fault: whoever looks for the target gets its answer.
        neighbours = yard.peer.command("ip", "-6", "neighbour", "show", "fd98::11")
    assert "lladdr" in neighbours
    assert _flows(yard.peer, yard.target, v6=True)


async def test_a_pod_in_the_nodes_own_network_is_refused(yard: Yard) -> None:
    order = order_for(yard, fault=CUT, sandbox={"kind": "process", "pid": yard.node.pid})
    with pytest.raises(RefusedError) as refused:
        async with standing(yard, order):
            pass
    assert refused.value.code is Refusal.HOST_NETWORK
    assert _flows(yard.peer, yard.target)
    assert TARGET not in refused.value.sentence
