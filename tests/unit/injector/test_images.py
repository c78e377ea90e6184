"""Setting back what others have changed on a run's objects, and nothing that was not changed."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from factories.objects import deployment
from ooda.common.plans import ObjectRef
from ooda.common.testing.json_patch import operate
from ooda.injector.core.fingerprint import fingerprint
from ooda.injector.core.images import image_of, kept, to_set_back
from ooda.injector.core.merge import Operations

BEFORE = deployment()
WHERE = ObjectRef(
    kind="Deployment",
    namespace=BEFORE["metadata"]["namespace"],
    name=BEFORE["metadata"]["name"],
    uid=BEFORE["metadata"]["uid"],
)


def apply(live: dict[str, Any], operations: Operations) -> dict[str, Any]:
    changed = copy.deepcopy(live)
    for each in operations:
        operate(changed, each)
    return changed


def container(live: Any) -> Any:
    return live["spec"]["template"]["spec"]["containers"][0]


def _raise_limit(live: Any) -> None:
    container(live)["resources"] = {"limits": {"memory": "96Mi"}}


def _scale(live: Any) -> None:
    live["spec"]["replicas"] = 7


def _add(live: Any) -> None:
    live["spec"]["template"]["spec"]["nodeSelector"] = {"disk/kind": "fast"}


def _remove(live: Any) -> None:
    del live["spec"]["replicas"]


@pytest.mark.parametrize("meddle", [_raise_limit, _scale, _add, _remove])
def test_what_was_changed_is_set_back(meddle: Callable[[Any], None]) -> None:
    live = copy.deepcopy(BEFORE)
    meddle(live)
    operations = to_set_back(live, image_of(WHERE, BEFORE))
    assert operations[0] == {"op": "test", "path": "/metadata/uid", "value": WHERE.uid}
    assert fingerprint(apply(live, operations)) == fingerprint(BEFORE)


def test_metadata_status_and_what_is_empty_are_left_alone() -> None:
    live = copy.deepcopy(BEFORE)
    live["metadata"]["annotations"] = {"ooda.dev/action": "a"}
    live["status"] = {"replicas": 0}
    live["spec"]["template"]["spec"]["nodeSelector"] = {}
    assert to_set_back(live, image_of(WHERE, BEFORE)) == ()


def test_replicas_are_the_autoscalers() -> None:
    live = copy.deepcopy(BEFORE)
    _scale(live)
    image = image_of(WHERE, BEFORE, autoscaled=True)
    assert to_set_back(live, image) == ()
    _raise_limit(live)
    after = apply(live, to_set_back(live, image))
    assert (after["spec"]["replicas"], "resources" in container(after)) == (
        7,
        "resources" in container(BEFORE),
    )


def test_of_an_object_without_a_spec() -> None:
    where = WHERE.model_copy(update={"kind": "ConfigMap"})
    before = {"metadata": {"uid": WHERE.uid}, "data": {"a": "1", "b/c": "2"}}
    live = {"metadata": {"uid": WHERE.uid}, "data": {"a": "3", "d": "4"}}
    operations = to_set_back(live, image_of(where, before))
    assert apply(live, operations)["data"] == before["data"]


def test_of_pods_and_secrets_there_is_no_image() -> None:
    kinds = ["Deployment", "Pod", "Secret", "Service", "Deployment"]
    objects = [WHERE.model_copy(update={"kind": each}) for each in kinds]
    assert [each.kind for each in kept(objects)] == ["Deployment", "Service"]
