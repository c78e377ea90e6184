"""What becomes of connections: TCP, as a client and its server see it."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from servers.datagrams import train
from servers.sandboxes import PEER, Place, Yard
from servers.standing_fault import order_for, standing

PATIENCE = 0.3


@contextlib.contextmanager
def _listening(place: Place, port: int) -> Iterator[socket.socket]:
    with place.socket(socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((place.address, port))
        listening.listen()
        listening.settimeout(5)
        yield listening


@contextlib.contextmanager
def _connection(
    client: Place, listening: socket.socket
) -> Iterator[tuple[socket.socket, socket.socket]]:
    with client.socket(socket.SOCK_STREAM) as calling:
        calling.settimeout(5)
        calling.connect(listening.getsockname())
        served, _ = listening.accept()
        served.settimeout(5)
        with served:
            yield calling, served


async def test_one_that_is_cut_goes_on_afterwards(yard: Yard) -> None:
    traffic = {"direction": "both", "peers": [PEER]}
    cut = order_for(yard, fault={"kind": "partition"}, traffic=traffic)
    with (
        _listening(yard.target, 8080) as listening,
        _connection(yard.peer, listening) as (calling, served),
    ):
        async with standing(yard, cut):
            calling.send(b"held up")
            served.settimeout(PATIENCE)
            with pytest.raises(TimeoutError):
                served.recv(10)
        served.settimeout(5)
        assert served.recv(10) == b"held up"


@pytest.mark.parametrize("begun_before", [True, False])
async def test_a_dependency_accepts_and_never_answers(yard: Yard, *, begun_before: bool) -> None:
    """The target is the client here, its peer the dependency."""
    traffic = {"direction": "incoming", "peers": [PEER], "peer_ports": [5432]}
    order = order_for(yard, fault={"kind": "unanswered"}, traffic=traffic)
    with contextlib.ExitStack() as held:
        dependency = held.enter_context(_listening(yard.peer, 5432))
        if begun_before:
            calling, served = held.enter_context(_connection(yard.target, dependency))
        async with standing(yard, order) as fault:
            if not begun_before:
                calling, served = held.enter_context(_connection(yard.target, dependency))
            calling.send(b"question")
            assert served.recv(10) == b"question"
            served.send(b"answer")
            calling.settimeout(PATIENCE)
            with pytest.raises(TimeoutError):
                calling.recv(10)
            result = await fault.ended()
        calling.settimeout(5)
        assert calling.recv(10) == b"answer"
    assert result.counters.dropped >= 1


async def test_other_dependencies_answer_meanwhile(yard: Yard) -> None:
    traffic = {"direction": "incoming", "peers": [PEER], "peer_ports": [5432]}
    order = order_for(yard, fault={"kind": "unanswered"}, traffic=traffic)
    with _listening(yard.peer, 6379) as another, _listening(yard.bystander, 5432) as same_port:
        async with standing(yard, order):
            for dependency in (another, same_port):
                with _connection(yard.target, dependency) as (calling, served):
                    served.send(b"answer")
                    assert calling.recv(10) == b"answer"


async def test_only_connections_go_unanswered(yard: Yard) -> None:
    async with standing(yard, order_for(yard, fault={"kind": "unanswered"})):
        with train(yard.peer, yard.target) as datagrams:
            assert datagrams.passes()


async def test_a_kept_connection_is_late_once_and_a_new_one_twice(yard: Yard) -> None:
    order = order_for(yard, fault={"kind": "delay", "mean_ms": 100})
    new: list[float] = []
    kept: list[float] = []
    with _listening(yard.target, 8081) as listening:
        async with standing(yard, order):
            for _ in range(3):  # of which the quickest waited for nothing but the fault
                begun = time.monotonic()
                with _connection(yard.peer, listening) as (calling, served):
                    calling.send(b"question")
                    assert served.recv(10) == b"question"
                    new.append(time.monotonic() - begun)
                    begun = time.monotonic()
                    calling.send(b"another")
                    assert served.recv(10) == b"another"
                    kept.append(time.monotonic() - begun)
    assert 0.2 <= min(new) < 0.35
    assert 0.1 <= min(kept) < 0.2
