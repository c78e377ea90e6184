"""What an object says, as a digest: two of them tell whether it is as it was. Pure.

Of the metadata nothing counts: versions, annotations of controllers and marks of an agent differ
after a change that was taken back whole. The status does not count, the health is asked for apart.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_NOT_SAID = frozenset({"apiVersion", "kind", "metadata", "status"})


def fingerprint(live: Mapping[str, Any] | None) -> str:
    """Return the SHA-256, in hexadecimal, of what an object says; of none, an empty text."""
    if live is None:
        return ""
    said = _plain(what_is_said(live))
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def what_is_said(live: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of an object but its metadata and status."""
    return {key: value for key, value in live.items() if key not in _NOT_SAID}


def _plain(value: Any) -> Any:
    """Leave out what is empty: the API server may or may not have it."""
    match value:
        case Mapping():
            kept = {key: _plain(each) for key, each in value.items()}
            return {key: each for key, each in kept.items() if each not in ({}, [], None)}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value
