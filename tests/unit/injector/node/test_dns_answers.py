"""What is read of a stranger's packet, and what it says afterwards."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import dns_packets
from factories.dns_packets import NAME, datagram, message, over_ipv4, over_ipv6, read, wire
from ooda.injector.node.core.dns_answers import LONGEST_HEAD, answer_in, is_about, labels_of

NXDOMAIN, SERVFAIL = 3, 2
LONGEST = ".".join(["x" * 63, "y" * 63, "z" * 63, "w" * 61])
"""255 bytes as it is sent."""
Carried = Callable[[bytes], bytes]
either_version = pytest.mark.parametrize("over", [over_ipv4, over_ipv6])


def changed(packet: bytes, code: int = NXDOMAIN) -> bytes:
    found = answer_in(packet[:LONGEST_HEAD])
    assert found is not None
    return found.saying(code)


@either_version
@pytest.mark.parametrize("code", [NXDOMAIN, SERVFAIL])
def test_it_says_the_code_and_no_records(over: Carried, code: int) -> None:
    said = read(changed(over(datagram(message())), code))
    v6 = over is over_ipv6
    assert (said.source, said.destination) == (
        (dns_packets.SERVER_V6, dns_packets.POD_V6) if v6 else (dns_packets.SERVER, dns_packets.POD)
    )
    assert (said.ports, said.number) == ((53, 40000), 0x1234)
    assert (said.flags, said.counts) == (0x8580 | code, (1, 0, 0, 0))
    assert (said.name, said.kind, said.behind) == (NAME, 1, b"")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(0x8180, 0x8183, id="recursion"),
        pytest.param(0x8400, 0x8403, id="the server's own"),
        pytest.param(0x8380, 0x8183, id="cut off: nobody asks again over TCP"),
        pytest.param(0x81A0, 0x8183, id="verified"),
        pytest.param(0x8190, 0x8193, id="checking disabled"),
        pytest.param(0x81C0, 0x8183, id="the bit without a meaning"),
        pytest.param(0x8182, 0x8183, id="another code"),
    ],
)
def test_what_stays_of_the_flags(before: int, after: int) -> None:
    assert read(changed(over_ipv4(datagram(message(flags=before))))).flags == after


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(over_ipv4(datagram(message(LONGEST)), options=b"\1" * 40), id="all is long"),
        pytest.param(over_ipv4(datagram(message("x"))), id="a short name"),
        pytest.param(over_ipv4(datagram(message(kind=28))), id="another type"),
        pytest.param(over_ipv4(datagram(message()), part=0), id="may be fragmented, is not"),
        pytest.param(over_ipv4(datagram(message()) + b"behind"), id="more than UDP says"),
        pytest.param(over_ipv4(datagram(message(counts=(1, 0, 1, 0)))), id="no address"),
        pytest.param(over_ipv6(datagram(message(LONGEST))), id="version 6, a long name"),
    ],
)
def test_any_other_answer_is_shortened_likewise(packet: bytes) -> None:
    said = read(changed(packet))
    assert (said.counts, said.behind) == ((1, 0, 0, 0), b"")
    assert len(changed(packet)) <= len(packet)


def test_a_checksum_of_zero_is_sent_as_what_it_means() -> None:
    """One of 65,536 numbers makes the checksum zero, which would say that there is none."""
    first = changed(over_ipv4(datagram(message(number=0))))
    checksum = int.from_bytes(first[26:28], "big")
    again = changed(over_ipv4(datagram(message(number=checksum))))
    assert again[26:28] == b"\xff\xff"
    assert read(again).number == checksum


def test_the_name_is_read_in_small_letters_and_sent_back_as_it_was_asked() -> None:
    """A resolver may mix them, and believes only who sends the same back."""
    packet = over_ipv4(datagram(message("CaRt.Shop.SVC.cluster.local")))
    found = answer_in(packet)
    assert found is not None
    assert found.name == labels_of(NAME)
    assert read(found.saying(NXDOMAIN)).name == "CaRt.Shop.SVC.cluster.local"


@pytest.mark.parametrize(
    ("asked", "name", "about"),
    [
        ("cart", "cart", True),
        ("cart.shop.svc.cluster.local", "cart", True),
        ("cart.shop.svc.cluster.local", "cart.shop", True),
        ("cart.shop.svc.cluster.local", "cart.shop.svc.cluster.local", True),
        ("cart.shop.svc.cluster.local", "CART.Shop.", True),
        ("cart.shop.svc.cluster.local", "", True),
        ("cart2.shop.svc.cluster.local", "cart", False),
        ("car.shop", "cart", False),
        ("my.cart.shop", "cart", False),
        ("cart", "cart.shop", False),
        ("cart.other.svc.cluster.local", "cart.shop", False),
    ],
)
def test_which_name_is_meant(asked: str, name: str, *, about: bool) -> None:
    assert is_about(labels_of(asked), labels_of(name)) is about


def test_a_dot_within_a_label_is_no_end_of_it() -> None:
    packet = over_ipv4(datagram(message("x").replace(wire("x"), b"\x06a.cart\0")))
    found = answer_in(packet)
    assert found is not None
    assert not is_about(found.name, labels_of("a"))


GOOD = datagram(message())


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(over_ipv4(GOOD, protocol=6), id="TCP"),
        pytest.param(over_ipv6(GOOD, protocol=6), id="TCP, version 6"),
        pytest.param(over_ipv6(GOOD, protocol=44), id="a fragment, version 6"),
        pytest.param(over_ipv4(GOOD, part=0x2000), id="the first fragment"),
        pytest.param(over_ipv4(GOOD, part=0x00B9), id="another fragment"),
        pytest.param(b"\x50" + over_ipv4(GOOD)[1:], id="version 5"),
        pytest.param(over_ipv4(GOOD, words=4), id="a header that is too short"),
        pytest.param(over_ipv4(GOOD, words=15), id="a header that is longer than it is"),
        pytest.param(over_ipv4(GOOD, total=0), id="no length"),
        pytest.param(over_ipv4(GOOD, total=20 + len(GOOD) - 1), id="longer than what carries it"),
        pytest.param(over_ipv6(GOOD, total=0), id="a jumbogram"),
        pytest.param(over_ipv6(GOOD, total=len(GOOD) - 1), id="the same, version 6"),
        pytest.param(over_ipv4(datagram(message(), length=7)), id="UDP shorter than its header"),
        pytest.param(over_ipv4(datagram(message(), length=8)), id="UDP that carries nothing"),
        pytest.param(over_ipv4(datagram(message(), length=20)), id="no room for a question"),
        pytest.param(over_ipv4(datagram(message(), length=24)), id="it ends within the name"),
        pytest.param(
            over_ipv4(datagram(message(), length=8 + 12 + len(wire(NAME)) + 3)),
            id="it ends within the class",
        ),
        pytest.param(over_ipv4(datagram(message(), source=5353)), id="of another port"),
        pytest.param(over_ipv4(datagram(message(flags=0x0100))), id="a question"),
        pytest.param(over_ipv4(datagram(message(flags=0xA800))), id="an answer to an update"),
        pytest.param(over_ipv4(datagram(message(counts=(0, 1, 0, 0)))), id="no question"),
        pytest.param(over_ipv4(datagram(message(counts=(2, 1, 0, 0)))), id="two questions"),
        pytest.param(
            over_ipv4(datagram(message("x").replace(wire("x"), b"\xc0\x0c"))),
            id="a name that points at itself",
        ),
        pytest.param(
            over_ipv4(datagram(message("x").replace(wire("x"), b"\x40" + b"x" * 64 + b"\0"))),
            id="a label that is too long",
        ),
        pytest.param(over_ipv4(datagram(message(LONGEST + "w"))), id="a name that is too long"),
        pytest.param(
            over_ipv4(datagram(message()[:12] + b"\x01x" * 200)), id="a name without an end"
        ),
    ],
)
def test_what_is_no_such_answer_is_left_alone(packet: bytes) -> None:
    assert answer_in(packet[:LONGEST_HEAD]) is None


@either_version
def test_cut_off_anywhere_it_is_none_or_the_same(over: Carried) -> None:
    """What is behind the question is not read: cut off there it is the same answer."""
    packet = over(datagram(message()))
    whole = answer_in(packet)
    end = len(packet) - len(dns_packets.RECORD + dns_packets.OPTIONS)
    for length in range(len(packet)):
        assert answer_in(packet[:length]) == (whole if length >= end else None)


@given(st.binary(max_size=400))
def test_noise_is_read_without_harm(noise: bytes) -> None:
    for packet in (noise, over_ipv4(noise), over_ipv4(datagram(noise)), over_ipv6(datagram(noise))):
        found = answer_in(packet[:LONGEST_HEAD])
        if found is not None:
            assert len(found.saying(NXDOMAIN)) <= len(packet)


@given(st.data())
def test_with_some_bytes_wrong_it_is_none_or_still_an_answer(data: st.DataObject) -> None:
    packet = bytearray(data.draw(st.sampled_from([over_ipv4, over_ipv6]))(GOOD))
    for at in data.draw(st.lists(st.integers(0, len(packet) - 1), max_size=4)):
        packet[at] = data.draw(st.integers(0, 255))
    found = answer_in(bytes(packet)[:LONGEST_HEAD])
    if found is not None:
        assert len(found.saying(SERVFAIL)) <= len(packet)
        assert answer_in(found.saying(SERVFAIL)) is not None


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=10), st.integers(0, 65535))
def test_whatever_the_name_the_checksums_are_right(labels: list[bytes], number: int) -> None:
    name = b"".join(bytes([len(each)]) + each for each in labels) + b"\0"
    content = message("x", number=number).replace(wire("x"), name)
    for packet in (over_ipv4(datagram(content)), over_ipv6(datagram(content))):
        found = answer_in(packet[:LONGEST_HEAD])
        assert found is not None
        assert found.name == [each.lower() for each in labels]
        assert dns_packets.adds_up(found.saying(NXDOMAIN))
