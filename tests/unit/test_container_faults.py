"""What can be done to a container, and what cannot be said."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ooda.common.container_faults import ContainerFault

READ: TypeAdapter[ContainerFault] = TypeAdapter(ContainerFault)
GOOD: dict[str, dict[str, Any]] = {
    "clock_skew": {"container": "app", "file": "/run/clock/skew", "offset_seconds": 3450},
    "crash_loop": {"container": "app", "kills": 5},
    "fill": {"container": "app", "directory": "/data", "name": "a.csv", "free_percent": 5},
    "leak": {"container": "app", "mib": 128, "mib_per_second": 32},
}


@pytest.mark.parametrize("kind", GOOD)
def test_it_comes_back_as_it_was_written(kind: str) -> None:
    fault = READ.validate_python({"kind": kind, **GOOD[kind]})
    assert READ.validate_json(READ.dump_json(fault)) == fault


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("clock_skew", {"file": "run/clock"}),
        ("clock_skew", {"file": "/run/../etc/passwd"}),
        ("clock_skew", {"offset_seconds": 10**9}),
        ("crash_loop", {"kills": 0}),
        ("crash_loop", {"kills": 101}),
        ("fill", {"directory": "data"}),
        ("fill", {"name": "../a"}),
        ("fill", {"name": ".."}),
        ("fill", {"name": ""}),
        ("fill", {"free_percent": 0}),
        ("fill", {"free_percent": 51}),
        ("fill", {"size": 1}),
        ("leak", {"mib": 0}),
        ("leak", {"mib": 4097}),
        ("leak", {"mib_per_second": 0}),
        ("leak", {"mib_per_second": 257}),
        ("shred", {}),
    ],
)
def test_what_is_out_of_range_or_unknown_is_none(kind: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        READ.validate_python({"kind": kind, **GOOD.get(kind, {}), **wrong})
