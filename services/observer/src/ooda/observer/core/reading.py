"""Read untyped JSON without ever raising: what has another shape than expected counts as absent."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def mapping(value: object, *path: str) -> Json:
    """Return the mapping at a path, empty if there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Iterator[Json]:
    """Yield the mappings in a list."""
    if isinstance(value, list | tuple):
        yield from (each for each in value if isinstance(each, Mapping))


def text(value: object) -> str:
    """Return a text, empty if it is none."""
    return value if isinstance(value, str) else ""


def number(value: object, default: int = 0) -> int:
    """Return a whole number, the default if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def texts(value: object) -> dict[str, str]:
    """Return the entries of a mapping that are text."""
    return {key: each for key, each in mapping(value).items() if isinstance(each, str)}


def moment(value: object) -> dt.datetime | None:
    """Return a time as the API server writes it, None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        read = dt.datetime.fromisoformat(value)
        return read.astimezone(dt.UTC) if read.tzinfo else read.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None


def condition(status: Json, kind: str) -> Json:
    """Return the condition of a type, empty if there is none."""
    found = (each for each in items(status.get("conditions")) if each.get("type") == kind)
    return next(found, {})
