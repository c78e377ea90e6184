"""What a pod template says of other objects. Pure and total: what is malformed is left out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def config_maps_of(template: Any) -> frozenset[str]:
    """Return the names of the ConfigMaps that a pod template uses, or a pod: ``spec`` is alike."""
    spec = _mapping(_mapping(template).get("spec"))
    names: set[Any] = {*config_maps_at_start(template)}
    for volume in _items(spec, "volumes"):
        names.add(_mapping(volume.get("configMap")).get("name"))
        for source in _items(_mapping(volume.get("projected")), "sources"):
            names.add(_mapping(source.get("configMap")).get("name"))
    return _names(names)


def config_maps_at_start(template: Any) -> frozenset[str]:
    """Return those of them that a container reads once, when it starts: its environment."""
    spec = _mapping(_mapping(template).get("spec"))
    names: set[Any] = set()
    for container in (*_items(spec, "containers"), *_items(spec, "initContainers")):
        for source in _items(container, "envFrom"):
            names.add(_mapping(source.get("configMapRef")).get("name"))
        for variable in _items(container, "env"):
            reference = _mapping(_mapping(variable.get("valueFrom")).get("configMapKeyRef"))
            names.add(reference.get("name"))
    return _names(names)


def _names(names: Iterable[Any]) -> frozenset[str]:
    return frozenset(each for each in names if isinstance(each, str) and each)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Mapping[str, Any], field: str) -> Iterator[Mapping[str, Any]]:
    found = value.get(field)
    return (
        (each for each in found if isinstance(each, Mapping))
        if isinstance(found, list)
        else iter(())
    )
