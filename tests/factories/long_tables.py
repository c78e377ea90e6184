"""Tables of a few hundred seconds: some rows are always tried, the others by `make test-faults`."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

Row = TypeVar("Row", bound=tuple[Any, ...])


def sampled(
    rows: Sequence[Row], *, always: Callable[[Row], bool], name: Callable[[Row], str]
) -> list[Any]:
    """Return the rows as parameters, marked as long but for those that are always tried."""
    return [
        pytest.param(*row, id=name(row), marks=() if always(row) else pytest.mark.faults)
        for row in rows
    ]
