import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.common.audit.chain import (
    START,
    Anchor,
    Break,
    BreakReason,
    Link,
    Row,
    first_break,
    link,
    row_hash,
)

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)


def _row(number: int) -> Row:
    return Row(
        account="LOOP",
        stream="LOOP",
        stream_sequence=number,
        subject="anomaly.flagged",
        event_id=f"event-{number}",
        incident_id=None,
        anomaly_id=f"anomaly-{number}",
        namespace="shop",
        occurred_at=NOW,
        stored_at=NOW + dt.timedelta(seconds=number),
        recorded_at=NOW + dt.timedelta(seconds=number),
        trace_id=None,
        payload=b'{"number": %d}' % number,
    )


def _chain(rows: Sequence[Row], start: Anchor = START) -> list[Link]:
    links: list[Link] = []
    for row in rows:
        before = Anchor(links[-1].position, links[-1].row_hash) if links else start
        links.append(link(before, row))
    return links


def _head(links: Sequence[Link]) -> Anchor:
    return Anchor(links[-1].position, links[-1].row_hash) if links else START


CHAIN = _chain([_row(number) for number in range(1, 7)])


def _changed(links: list[Link], index: int, **given: object) -> list[Link]:
    changed = dataclasses.replace(links[index], **given)  # type: ignore[arg-type]
    return [*links[:index], changed, *links[index + 1 :]]


def _rewritten(links: list[Link], index: int) -> list[Link]:
    """Change a payload and compute every hash behind it anew."""
    row = dataclasses.replace(links[index].row, payload=b"forged")
    rows = [each.row for each in links]
    return _chain([*rows[:index], row, *rows[index + 1 :]])


def _swapped(links: list[Link]) -> list[Link]:
    second, third = links[1], links[2]
    swapped = [
        dataclasses.replace(third, position=second.position),
        dataclasses.replace(second, position=third.position),
    ]
    return [links[0], *swapped, *links[3:]]


def _inserted(links: list[Link]) -> list[Link]:
    """Put one more row in the middle and move those behind it on."""
    extra = link(Anchor(links[1].position, links[1].row_hash), _row(99))
    moved = [dataclasses.replace(each, position=each.position + 1) for each in links[2:]]
    return [*links[:2], extra, *moved]


FORGED = dataclasses.replace(CHAIN[2].row, payload=b"forged")


@pytest.mark.parametrize(
    ("forge", "expected"),
    [
        pytest.param(
            lambda links: _changed(links, 2, row=FORGED),
            Break(3, BreakReason.CHANGED),
            id="payload changed",
        ),
        pytest.param(
            lambda links: _changed(
                links, 2, row=FORGED, row_hash=row_hash(3, links[1].row_hash, FORGED)
            ),
            Break(4, BreakReason.UNLINKED),
            id="payload changed and its hash computed anew",
        ),
        pytest.param(
            lambda links: links[:2] + links[3:], Break(3, BreakReason.MISSING), id="row deleted"
        ),
        pytest.param(lambda links: links[1:], Break(1, BreakReason.MISSING), id="first deleted"),
        pytest.param(
            lambda links: links[:-2], Break(5, BreakReason.TRUNCATED), id="tail truncated"
        ),
        pytest.param(lambda _: [], Break(1, BreakReason.TRUNCATED), id="all deleted"),
        pytest.param(_swapped, Break(2, BreakReason.UNLINKED), id="reordered"),
        pytest.param(_inserted, Break(4, BreakReason.UNLINKED), id="inserted in the middle"),
        pytest.param(
            lambda links: [*links, link(_head(links), _row(7))],
            Break(7, BreakReason.BEYOND_HEAD),
            id="appended behind the recorder's back",
        ),
        pytest.param(
            lambda links: [*links[:3], links[2], *links[3:]],
            Break(3, BreakReason.REPEATED),
            id="repeated",
        ),
        pytest.param(
            lambda links: _rewritten(links, 0),
            Break(4, BreakReason.CHECKPOINT_DIFFERS),
            id="rewritten from the beginning",
        ),
        pytest.param(
            lambda links: _rewritten(links, 4),
            Break(6, BreakReason.HEAD_DIFFERS),
            id="rewritten after the checkpoint",
        ),
        pytest.param(lambda links: links, None, id="untouched"),
    ],
)
def test_the_first_break_is_found(
    forge: Callable[[list[Link]], list[Link]], expected: Break | None
) -> None:
    checkpoints = {4: CHAIN[3].row_hash}
    assert first_break(forge(list(CHAIN)), START, _head(CHAIN), checkpoints) == expected


def test_a_chain_goes_on_from_the_end_of_a_dropped_partition() -> None:
    start = Anchor(CHAIN[2].position, CHAIN[2].row_hash)
    assert first_break(CHAIN[3:], start, _head(CHAIN), {}) is None


def test_the_form_of_a_hash_never_changes() -> None:
    """A change here makes every trail that exists unverifiable."""
    assert CHAIN[0].row_hash.hex() == (
        "d47db1b2d465d9dc91d2bbf92ba97d48263450487813ce826b4b14b0cdaaa732"
    )


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_TIME = st.datetimes(timezones=st.just(dt.UTC))
_ROWS = st.builds(
    Row,
    account=st.sampled_from(["LOOP", "FAULTS"]),
    stream=_TEXT,
    stream_sequence=st.integers(1, 2**62),
    subject=_TEXT,
    event_id=_TEXT,
    incident_id=st.none() | _TEXT,
    anomaly_id=st.none() | _TEXT,
    namespace=st.none() | _TEXT,
    occurred_at=_TIME,
    stored_at=_TIME,
    recorded_at=_TIME,
    trace_id=st.none() | _TEXT,
    payload=st.binary(max_size=50),
)


@given(rows=st.lists(_ROWS, max_size=8))
def test_what_was_linked_is_whole(rows: list[Row]) -> None:
    links = _chain(rows)
    assert first_break(links, START, _head(links), {}) is None


@given(rows=st.lists(_ROWS, min_size=1, max_size=8), data=st.data())
def test_any_single_changed_field_is_found(rows: list[Row], data: st.DataObject) -> None:
    links = _chain(rows)
    index = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(_ROWS)
    name = data.draw(st.sampled_from([each.name for each in dataclasses.fields(Row)]))
    row = links[index].row
    forged = dataclasses.replace(row, **{name: getattr(other, name)})
    broken = first_break(_changed(links, index, row=forged), START, _head(links), {})
    assert (broken is None) == (forged == row)


@given(rows=st.lists(_ROWS, min_size=2, max_size=8), data=st.data())
def test_any_lost_row_and_any_other_order_is_found(rows: list[Row], data: st.DataObject) -> None:
    links = _chain(rows)
    index = data.draw(st.integers(0, len(links) - 1))
    assert first_break(links[:index] + links[index + 1 :], START, _head(links), {}) is not None
    order = data.draw(st.permutations(range(len(links))))
    moved = [dataclasses.replace(links[old], position=new + 1) for new, old in enumerate(order)]
    broken = first_break(moved, START, _head(links), {})
    assert (broken is None) == (list(order) == sorted(order))


@given(rows=st.lists(_ROWS, min_size=2, max_size=6), data=st.data())
def test_a_value_that_moves_into_the_field_beside_it_is_another_row(
    rows: list[Row], data: st.DataObject
) -> None:
    text = data.draw(_TEXT)
    one = dataclasses.replace(rows[0], incident_id=text, anomaly_id=None)
    two = dataclasses.replace(rows[0], incident_id=None, anomaly_id=text)
    assert link(START, one).row_hash != link(START, two).row_hash
