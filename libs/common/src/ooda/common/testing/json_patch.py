"""A JSON patch (RFC 6902), of the operations that the product uses. Pure."""

import copy
from collections.abc import Mapping
from typing import Any

from ooda.common.cluster.interface import Conflict

_ABSENT = object()


def operate(thing: dict[str, Any], operation: Mapping[str, Any]) -> None:
    """Apply one operation of a JSON patch in place. Raises Conflict."""
    *parents, last = (
        part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
    )
    holder: Any = thing
    for part in parents:
        holder = _member(holder, part)
        if holder is _ABSENT and operation["op"] == "test" and operation["value"] is None:
            return
        if not isinstance(holder, dict | list):
            raise Conflict(f"{operation['path']} is not there")
    present = _member(holder, last)
    match operation["op"]:
        case "test":
            if (None if present is _ABSENT else present) != operation["value"]:
                raise Conflict(f"test of {operation['path']} failed")
        case "remove":
            if present is _ABSENT:
                raise Conflict(f"{operation['path']} is not there")
            del holder[int(last) if isinstance(holder, list) else last]
        case "replace" if present is _ABSENT:
            raise Conflict(f"{operation['path']} is not there")
        case "add" if isinstance(holder, list):
            index = len(holder) if last == "-" else int(last)
            holder.insert(index, copy.deepcopy(operation["value"]))
        case _:
            holder[int(last) if isinstance(holder, list) else last] = copy.deepcopy(
                operation["value"]
            )


def _member(holder: Any, part: str) -> Any:
    if isinstance(holder, dict):
        return holder.get(part, _ABSENT)
    if isinstance(holder, list) and part.isdigit() and int(part) < len(holder):
        return holder[int(part)]
    return _ABSENT
