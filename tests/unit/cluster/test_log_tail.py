import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.common.cluster.log_tail import LogTail


def tail(limit: int, *chunks: bytes) -> str:
    kept = LogTail(limit)
    for chunk in chunks:
        kept.feed(chunk)
    return kept.text()


@pytest.mark.parametrize(
    ("limit", "chunks", "left"),
    [
        pytest.param(10, [], "", id="nothing"),
        pytest.param(10, [b"short\n"], "short\n", id="all-of-it"),
        pytest.param(4, [b"first\n", b"new\n"], "new\n", id="the-newest"),
        pytest.param(2, [b"abcdef"], "ef", id="one-long-line"),
        pytest.param(0, [b"abcdef"], "", id="no-room"),
        pytest.param(3, ["aé!".encode()], "é!", id="a-whole-character"),
        pytest.param(2, ["aé!".encode()], "!", id="half-a-character"),
        pytest.param(9, [b"\x80\xffend"], "\ufffd\ufffdend", id="no-text"),
    ],
)
def test_the_end_is_kept(limit: int, chunks: list[bytes], left: str) -> None:
    assert tail(limit, *chunks) == left


@given(st.lists(st.text(max_size=40)), st.integers(0, 60))
def test_however_it_comes_in_it_is_the_end_of_the_text(lines: list[str], limit: int) -> None:
    whole = "".join(lines)
    left = tail(limit, *(line.encode() for line in lines))
    assert whole.endswith(left)
    assert min(limit, len(whole.encode())) - 3 <= len(left.encode()) <= limit


def test_a_line_of_a_hundred_megabytes_takes_no_memory() -> None:
    chunk = b"x" * 65536
    kept = LogTail(65536)
    tracemalloc.start()
    try:
        for _ in range(1600):
            kept.feed(chunk)
        assert tracemalloc.get_traced_memory()[1] < 1024**2
    finally:
        tracemalloc.stop()
