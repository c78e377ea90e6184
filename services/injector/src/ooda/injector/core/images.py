"""What an object said before a run, and how to make it say so again. Pure.

It is not for what the run has changed, which is taken back by itself: it is for what others, such
as the agent, have changed on the same objects meanwhile, be it to help.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Image
from ooda.common.plans import ObjectRef
from ooda.injector.core.fingerprint import fingerprint, what_is_said
from ooda.injector.core.merge import Operations
from ooda.injector.core.pointers import escaped

NOT_KEPT = frozenset({Kind.POD, "Secret"})
"""Kinds of which there are no images: pods come and go, and no secret is written down."""


def image_of(where: ObjectRef, live: Mapping[str, Any], *, autoscaled: bool = False) -> Image:
    """Return what an object says; without the replicas that an autoscaler sets as it sees fit."""
    said = what_is_said(live)
    return Image(object=where, said=_without_replicas(said) if autoscaled else said)


def to_set_back(live: Mapping[str, Any], image: Image) -> Operations:
    """Return the guarded patch by which an object says what it said; empty if it does.

    Lists are replaced whole. Each value is tested to be the one that was read.
    """
    now: Mapping[str, Any] = what_is_said(live)
    if "replicas" not in image.said.get("spec", {}):
        now = _without_replicas(now)
    if fingerprint(now) == fingerprint(image.said):
        return ()
    uid = {"op": "test", "path": "/metadata/uid", "value": image.object.uid}
    return (uid, *_differences("", now, image.said))


def _without_replicas(said: Mapping[str, Any]) -> Mapping[str, Any]:
    if "spec" not in said:
        return said
    spec = {key: each for key, each in said["spec"].items() if key != "replicas"}
    return {**said, "spec": spec}


def _differences(path: str, now: Mapping[str, Any], then: Mapping[str, Any]) -> Operations:
    found: list[Mapping[str, Any]] = []
    for key in sorted({*now, *then}):
        where = f"{path}/{escaped(key)}"
        if key not in then:
            found += [_test(where, now[key]), {"op": "remove", "path": where}]
        elif key not in now:
            found.append({"op": "add", "path": where, "value": then[key]})
        elif isinstance(now[key], Mapping) and isinstance(then[key], Mapping):
            found += _differences(where, now[key], then[key])
        elif now[key] != then[key]:
            found += [_test(where, now[key]), {"op": "replace", "path": where, "value": then[key]}]
    return found


def _test(where: str, value: Any) -> Mapping[str, Any]:
    return {"op": "test", "path": where, "value": value}


def kept(where: Sequence[ObjectRef]) -> Sequence[ObjectRef]:
    """Return the objects of which there are images, each once."""
    once = {(each.kind, each.name): each for each in where if each.kind not in NOT_KEPT}
    return list(once.values())
