"""JSON pointers whose parts may name an element of a list: ``/spec/ports/name=http``. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any


def escaped(key: str) -> str:
    """Return a key as a part of a pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def value_at(document: Any, path: str) -> Any:
    """Return what is there; None if nothing is, and for what is empty, as the API server has it."""
    found = document
    for part in path.split("/")[1:]:
        key = _key(found, part)
        found = None if key is None else found[key]
    return None if found in ({}, [], "") else found


def concrete(document: Any, path: str) -> str | None:
    """Return the pointer with indexes in place of names; None if there is nothing."""
    found, made = document, ""
    for part in path.split("/")[1:]:
        key = _key(found, part)
        if key is None:
            return None
        made += f"/{escaped(str(key))}"
        found = found[key]
    return made


def to_add(document: Any, path: str, value: Any) -> tuple[str, Any] | None:
    """Return where to add a value that is not there, and with what around it.

    The API server leaves out a map that has become empty: it has to be added with what was in it.
    None if an element of a list is missing, which is no place of ours any more.
    """
    parts = path.split("/")[1:]
    there = next(
        length for length in range(len(parts), -1, -1) if present(document, _joined(parts[:length]))
    )
    missing = parts[there:]
    if not missing or any(part.startswith("name=") or part.isdecimal() for part in missing):
        return None
    for part in reversed(missing[1:]):
        value = {part.replace("~1", "/").replace("~0", "~"): value}
    parent = concrete(document, _joined(parts[:there])) or ""
    return f"{parent}/{missing[0]}", value


def _joined(parts: Sequence[str]) -> str:
    return "".join(f"/{part}" for part in parts)


def present(document: Any, path: str) -> bool:
    """Say whether the very key is there, be it with an empty value."""
    found = document
    for part in path.split("/")[1:]:
        key = _key(found, part)
        if key is None:
            return False
        found = found[key]
    return True


def _key(found: Any, part: str) -> str | int | None:
    match found:
        case Mapping():
            key = part.replace("~1", "/").replace("~0", "~")
            return key if key in found else None
        case Sequence() if not isinstance(found, str):
            return _index(found, part)
        case _:
            return None


def _index(found: Sequence[Any], part: str) -> int | None:
    if part.startswith("name="):
        name = part.removeprefix("name=")
        return next(
            (
                index
                for index, each in enumerate(found)
                if isinstance(each, Mapping) and each.get("name") == name
            ),
            None,
        )
    return int(part) if part.isdecimal() and int(part) < len(found) else None
