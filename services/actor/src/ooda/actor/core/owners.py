"""Whose object an object is. Pure."""

from ooda.actor.core.pointers import value_at
from ooda.common.cluster.interface import Object


def controller_of(live: Object) -> tuple[str, str, str] | None:
    """Return kind, name and UID of the object's controller, None if it has none."""
    for owner in value_at(live, "/metadata/ownerReferences") or ():
        if owner.get("controller"):
            return owner["kind"], owner["name"], owner["uid"]
    return None


def owner_uid(live: Object) -> str | None:
    """Return the UID of the object's controller, None if it has none."""
    controller = controller_of(live)
    return controller[2] if controller else None


def owner_uid_by(pod: Object, replica_set: Object | None) -> str | None:
    """Return the UID of the owner of the ReplicaSet that owns the pod."""
    if replica_set is None or value_at(replica_set, "/metadata/uid") != owner_uid(pod):
        return None
    return owner_uid(replica_set)
