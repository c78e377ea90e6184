"""What a watch told so far, so that a list after it tells only news. Pure."""

from typing import Any

from ooda.common.cluster.interface import Delta, Object
from ooda.common.cluster.kinds import Kind


class Known:
    """An identity and a version per object that was told, and nothing else of it."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._told: dict[tuple[str, str], tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._told)

    def differences(self, listed: list[dict[str, Any]]) -> list[Delta]:
        """Return what changed between what was told and a list, deletions first."""
        now = {_key(each): each for each in listed}
        deltas = []
        for key, (uid, version) in tuple(self._told.items()):
            if key not in now or now[key]["metadata"]["uid"] != uid:
                del self._told[key]
                deltas.append(Delta(self._kind, "deleted", _last(key, uid, version)))
        for each in now.values():
            meta = each["metadata"]
            before = self._told.get(_key(each))
            if before == (meta["uid"], meta["resourceVersion"]):
                continue
            deltas.append(self._tell("added" if before is None else "modified", each))
        return deltas

    def told(self, raw: dict[str, Any]) -> Delta | None:
        """Return the delta of one event of a watch; None for a bookmark."""
        thing = raw["object"]
        match raw["type"]:
            case "ADDED":
                return self._tell("added", thing)
            case "MODIFIED":
                return self._tell("modified", thing)
            case "DELETED":
                self._told.pop(_key(thing), None)
                return Delta(self._kind, "deleted", _trimmed(thing))
            case _:
                return None

    def _tell(self, change: Any, thing: dict[str, Any]) -> Delta:
        meta = thing["metadata"]
        self._told[_key(thing)] = (meta["uid"], meta["resourceVersion"])
        return Delta(self._kind, change, _trimmed(thing))


def _key(thing: Object) -> tuple[str, str]:
    meta = thing["metadata"]
    return meta.get("namespace", ""), meta["name"]


def _trimmed(thing: dict[str, Any]) -> Object:
    """Drop what is large and of no use to anybody who follows changes."""
    thing["metadata"].pop("managedFields", None)
    return thing


def _last(key: tuple[str, str], uid: str, version: str) -> Object:
    """Return all that is known of an object that was deleted while nobody was looking."""
    namespace, name = key
    meta = {"name": name, "uid": uid, "resourceVersion": version}
    return {"metadata": meta | ({"namespace": namespace} if namespace else {})}
