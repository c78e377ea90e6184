"""What is said to the kernel, byte by byte where it was seen to be understood."""

import dataclasses
import struct
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.injector.node.core import netlink, packet_queue, rules
from ooda.injector.node.core.matching import IPV4, IPV6, Matching
from ooda.injector.node.core.matching import rules as rules_of


@given(st.integers(0, 100), st.binary(max_size=50))
def test_attributes_are_padded_and_say_their_own_length(kind: int, value: bytes) -> None:
    encoded = netlink.attribute(kind, value)
    length, said = struct.unpack_from("=HH", encoded)
    assert (length, said) == (4 + len(value), kind)
    assert len(encoded) % 4 == 0
    assert encoded[4:length] == value


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary())))
def test_messages_come_apart_as_they_were_put_together(
    sent: list[tuple[int, int, bytes]],
) -> None:
    padded = b""
    for kind, sequence, body in sent:
        one = netlink.message(kind, 0, sequence, body)
        padded += one + bytes(-len(one) % 4)
    assert [(k, s, b[4:]) for k, s, b in netlink.messages(padded)] == sent


@given(st.binary(max_size=200))
def test_noise_is_read_without_harm(noise: bytes) -> None:
    list(netlink.answers(noise))
    assert len(packet_queue.packets(noise)) == len(packet_queue.heads(noise))


def test_an_answer_is_the_number_of_the_error() -> None:
    body = struct.pack("=i", -16) + bytes(16)
    answer = struct.pack("=IHHII", 16 + len(body), 2, 0, 7, 0) + body
    assert list(netlink.answers(answer)) == [netlink.Answer(7, 16)]


def test_the_number_of_a_packet_is_read_from_its_announcement() -> None:
    header = netlink.attribute(1, struct.pack("!IHB", 41, 0x0800, 1))
    announced = netlink.message(3 << 8, 0, 0, header)
    assert packet_queue.packets(announced + announced) == [41, 41]


def test_what_a_packet_begins_with_is_read_from_its_announcement() -> None:
    header = netlink.attribute(1, struct.pack("!IHB", 41, 0x0800, 1))
    with_content = netlink.message(3 << 8, 0, 0, header + netlink.attribute(10, b"abc"))
    without = netlink.message(3 << 8, 0, 0, header)
    assert packet_queue.heads(with_content + without) == [b"abc", b""]


@pytest.mark.parametrize(("head", "asked"), [(0, (0, 1)), (339, (339, 2))])
def test_of_packets_no_more_comes_than_is_read(head: int, asked: tuple[int, int]) -> None:
    said = packet_queue.configure(0, 1, longest=9, whole=True, head=head)
    ((_, _, body),) = netlink.messages(said)
    assert dict(netlink.attributes(body[4:]))[2] == struct.pack("!IB", *asked)


def test_a_change_is_one_verdict_each_with_what_goes_on_instead() -> None:
    said = packet_queue.change(0, [(5, b"abc"), (6, b"defgh")])
    found = [(kind, dict(netlink.attributes(body[4:]))) for kind, _, body in netlink.messages(said)]
    assert found == [
        (0x301, {2: struct.pack("!II", 1, 5), 10: b"abc"}),
        (0x301, {2: struct.pack("!II", 1, 6), 10: b"defgh"}),
    ]


def test_a_loss_is_one_verdict_each_and_going_on_one_for_all() -> None:
    assert packet_queue.drop(0, [5, 6]).count(struct.pack("!II", 0, 5)) == 1
    kinds = [kind for kind, _, _ in netlink.messages(packet_queue.drop(0, [5, 6]))]
    assert kinds == [0x301, 0x301]
    ((kind, _, body),) = netlink.messages(packet_queue.pass_through(0, 6))
    assert kind == 0x303
    assert body.endswith(struct.pack("!II", 1, 6))


def _to(*peers: str, ports: tuple[int, ...] = ()) -> Matching:
    nets = tuple(ip_network(peer) for peer in peers)
    return Matching(incoming=True, peers=nets, peer_ports=ports, own_ports=ports, spared=())


ALL = _to()


@pytest.mark.parametrize(
    ("matching", "family", "targets"),
    [
        (ALL, IPV4, 1),
        (ALL, IPV6, 1),
        (_to("10.0.0.1"), IPV4, 1),
        (_to("10.0.0.1"), IPV6, 0),
        (_to("10.0.0.0/24", "fd00::/64"), IPV6, 1),
        (_to("10.0.0.1", "10.0.0.2", ports=(80,)), IPV4, 2),
    ],
)
def test_what_is_meant_is_sent_to_the_queue_and_only_that(
    matching: Matching, family: int, targets: int
) -> None:
    found = rules_of(family, 0, matching)
    assert sum(b"NFQUEUE" in rule for rule in found) == targets
    # The queue is only reached behind what leaves the chain: disarmed, loopback, spared, ports.
    assert [b"NFQUEUE" in rule for rule in found] == sorted(b"NFQUEUE" in rule for rule in found)
    assert b"armed\0" in found[0]


def test_where_only_datagrams_are_meant_all_else_leaves() -> None:
    matching = dataclasses.replace(_to(ports=(53,)), datagrams=True)
    more = [
        each
        for each in rules_of(IPV4, 0, matching)
        if each not in rules_of(IPV4, 0, _to(ports=(53,)))
    ]
    assert len(more) == 1
    assert b"NFQUEUE" not in more[0]


def test_every_queue_is_bypassed_without_a_listener() -> None:
    (to_queue,) = [rule for rule in rules_of(IPV4, 3, ALL) if b"NFQUEUE" in rule]
    assert to_queue.endswith(struct.pack("=HHHxx", 3, 1, 1))


@pytest.mark.parametrize(
    "request_",
    [
        rules.install(0, [ALL], 9),
        rules.arm(9),
        rules.rearm(9),
        rules.disarm(9),
        rules.remove(9),
    ],
)
def test_a_transaction_is_framed_and_each_step_asks_for_an_answer(
    request_: rules.Request,
) -> None:
    kinds = [kind for kind, _, _ in netlink.messages(request_.content)]
    assert (kinds[0], kinds[-1]) == (0x10, 0x11)
    assert len(kinds) == request_.answers + 2
    at, asking = 0, 0
    while at < len(request_.content):
        length, _, flags = struct.unpack_from("=IHH", request_.content, at)
        asking += bool(flags & netlink.ACK)
        at += length
    assert asking == request_.answers


def test_the_tables_belong_to_their_process_and_are_never_shared() -> None:
    install = rules.install(0, [ALL], 1).content
    at, tables = 0, 0
    while at < len(install):
        length, kind, flags = struct.unpack_from("=IHH", install, at)
        if kind == 0xA00:
            tables += 1
            assert flags & netlink.EXCLUSIVE
            assert netlink.number(2, 2) in install[at : at + length]
        at += length
    assert tables == 2


def test_the_set_forgets_within_a_second_and_a_half() -> None:
    assert rules.TTL_MS <= 1500
    assert netlink.long_number(4, rules.TTL_MS) in rules.arm(1).content
    assert netlink.long_number(4, rules.TTL_MS) in rules.rearm(1).content
