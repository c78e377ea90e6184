import dataclasses
import datetime as dt
import hashlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from factories.events import NOW, make
from ooda.common.audit.chain import START, Anchor, Link, Row, first_break
from ooda.common.events import AnomalyFlagged
from ooda.common.topology import Account
from ooda.recorder.core.batches import (
    Key,
    Known,
    Partition,
    arrange,
    keys_of,
    other_id,
    partition_of,
    partitions_of,
)
from ooda.recorder.core.rows import row_of
from servers.trail import delivered


def _row(name: str, payload: bytes = b"{}") -> Row:
    event = make(AnomalyFlagged, event_id=name)
    return dataclasses.replace(row_of(delivered(event, 1), Account.LOOP, NOW), payload=payload)


def _known(row: Row) -> Known:
    return Known(hashlib.sha256(row.payload).digest(), arrange(START, [row], {}).row_hashes[0])


def test_new_rows_go_on_the_chain_in_their_order() -> None:
    batch = arrange(START, [_row("a"), _row("b")], {})
    assert [each.row.event_id for each in batch.links] == ["a", "b"]
    assert [each.position for each in batch.links] == [1, 2]
    assert batch.row_hashes == tuple(each.row_hash for each in batch.links)


def test_a_duplicate_takes_no_position_and_has_the_hash_it_was_recorded_under() -> None:
    first = arrange(START, [_row("a")], {})
    known = {("LOOP", "a"): _known(first.links[0].row)}
    head = Anchor(1, first.links[0].row_hash)
    again = arrange(head, [_row("a"), _row("b"), _row("b")], known)
    assert [each.position for each in again.links] == [2]
    assert again.row_hashes[0] == first.row_hashes[0]
    assert again.row_hashes[1] == again.row_hashes[2] == again.links[0].row_hash


def test_another_content_under_a_known_id_is_recorded_too_and_once() -> None:
    other = _row("a", b'{"other": 1}')
    batch = arrange(START, [_row("a"), other, other], {})
    assert [each.row.event_id for each in batch.links] == ["a", other_id(other)]
    assert batch.links[1].row.payload == other.payload
    assert batch.row_hashes[1] == batch.row_hashes[2]
    known = {("LOOP", each.row.event_id): _known(each.row) for each in batch.links}
    assert set(known) <= keys_of([other])
    assert arrange(START, [_row("a"), other], known).links == ()


_EVENTS = st.lists(
    st.builds(_row, st.sampled_from("abcde"), st.sampled_from([b"1", b"2"])), max_size=20
)


@given(batches=st.lists(_EVENTS, max_size=5))
def test_whatever_is_redelivered_the_chain_is_whole_and_has_each_content_once(
    batches: list[list[Row]],
) -> None:
    head, known = START, dict[Key, Known]()
    links: list[Link] = []
    for rows in batches:
        batch = arrange(head, rows, known)
        for each in batch.links:
            known["LOOP", each.row.event_id] = Known(
                hashlib.sha256(each.row.payload).digest(), each.row_hash
            )
            head = Anchor(each.position, each.row_hash)
        links += batch.links
        assert set(batch.row_hashes) <= {each.row_hash for each in links}
    assert first_break(links, START, head, {}) is None
    recorded = [(each.row.event_id.partition("#")[0], each.row.payload) for each in links]
    assert sorted(recorded) == sorted({(r.event_id, r.payload) for rows in batches for r in rows})


@given(position=st.integers(1, 10**12), size=st.integers(1, 10**7))
def test_a_position_is_in_the_one_partition_that_holds_it(position: int, size: int) -> None:
    found = partition_of(position, size)
    assert found.first <= position <= found.last
    assert found.last - found.first + 1 == size
    assert partition_of(found.last + 1, size).first == found.last + 1


def test_a_batch_may_reach_over_partitions() -> None:
    links = arrange(Anchor(8, bytes(32)), [_row(name) for name in "abc"], {}).links
    assert partitions_of(links, 10) == (Partition(1, 10), Partition(11, 20))
    assert all(one.last + 1 == two.first for one, two in pairwise(partitions_of(links, 2)))
    assert links[0].row.recorded_at == NOW.astimezone(dt.UTC)
