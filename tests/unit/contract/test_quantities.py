from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.common.quantities import MIB, bytes_of, in_mebibytes, millicores_of


@pytest.mark.parametrize(
    ("quantity", "size"),
    [
        ("128Mi", 128 * MIB),
        ("1.5Gi", 1536 * MIB),
        ("64Ki", 65536),
        ("128M", 128_000_000),
        ("1k", 1000),
        ("1e9", 10**9),
        ("134217728", 134217728),
        (134217728, 134217728),
        ("128974848000m", 128974848),
        ("0", None),
        ("", None),
        ("-1Mi", None),
        ("Mi", None),
        ("12 Mi", None),
        ("1e999999", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_reads_what_the_api_server_writes_and_nothing_else(quantity: Any, size: int | None) -> None:
    assert bytes_of(quantity) == size


@pytest.mark.parametrize(
    ("quantity", "thousandths"),
    [
        ("500m", 500),
        ("0.5", 500),
        ("2", 2000),
        (2, 2000),
        ("100u", None),
        ("0", None),
        ("0.0001", None),
        (None, None),
    ],
)
def test_reads_cpu(quantity: Any, thousandths: int | None) -> None:
    assert millicores_of(quantity) == thousandths


@given(st.integers(1, 2**50))
def test_writes_at_least_what_was_given(size: int) -> None:
    written = bytes_of(in_mebibytes(size))
    assert written is not None
    assert size <= written < size + MIB


@given(st.text())
def test_never_raises(words: str) -> None:
    bytes_of(words)
