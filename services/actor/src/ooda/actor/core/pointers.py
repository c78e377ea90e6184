"""JSON pointers (RFC 6901) into objects of the API server. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any


def pointer(*keys: str) -> str:
    """Return the pointer to nested keys; ``~`` and ``/`` in a key are escaped."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def value_at(document: Any, path: str) -> Any:
    """Return what a pointer leads to; None if there is nothing, as ``FieldChange`` has it."""
    value = document
    for part in path.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        match value:
            case Mapping():
                value = value.get(key)
            case Sequence() if not isinstance(value, str) and key.isdecimal():
                value = value[int(key)] if int(key) < len(value) else None
            case _:
                return None
    return value
