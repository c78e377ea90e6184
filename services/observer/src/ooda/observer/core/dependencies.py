"""Whom a workload says that it calls: hosts in the environment and arguments of its template.

Only what is written there is read: not ConfigMaps, of which one often lists the servers of
everybody, and no Secret. What a program has built in is not known by this.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ooda.observer.core.reading import items, mapping, text

HOSTS_LIMIT = 50
VALUE_LIMIT = 2000
"""Characters that are read of one value."""

_HOST = r"([a-z0-9][a-z0-9.-]*)"
_PLACES = (
    re.compile(rf"://(?:[^\s/@]*@)?{_HOST}"),  # a URL, with or without a user
    re.compile(rf"(?<![a-z0-9.:/@-]){_HOST}:\d{{1,5}}\b"),  # host:port
)
_WHOLE = re.compile(_HOST)
_NAMES_A_HOST = re.compile(r"(^|_)(HOST|HOSTNAME|ADDR|ADDRESS|SERVER|ENDPOINT|UPSTREAM)$")
"""Variables whose whole value is a host, though it has no port."""


def hosts_of(template: Mapping[str, Any]) -> frozenset[str]:
    """Return what a pod template names as hosts; most are no Services."""
    spec = mapping(template, "spec")
    containers = (each for f in ("initContainers", "containers") for each in items(spec.get(f)))
    found = sorted({host for each in containers for host in _hosts(each)})
    return frozenset(found[:HOSTS_LIMIT])


def is_service(host: str, name: str, namespace: str) -> bool:
    """Return whether a host is what pods of a namespace call a Service of it."""
    first, _, rest = host.partition(".")
    here = not rest or rest == namespace or rest.startswith(f"{namespace}.svc")
    return first == name and here


def _hosts(container: Mapping[str, Any]) -> Iterator[str]:
    for variable in items(container.get("env")):
        value = text(variable.get("value"))[:VALUE_LIMIT].lower()
        yield from _within(value)
        if _NAMES_A_HOST.search(text(variable.get("name")).upper()) and _WHOLE.fullmatch(value):
            yield value
    for field in ("command", "args"):
        words = container.get(field)
        for word in words if isinstance(words, list) else ():
            yield from _within(text(word)[:VALUE_LIMIT].lower())


def _within(value: str) -> Iterator[str]:
    for place in _PLACES:
        yield from (each.rstrip(".-") for each in place.findall(value))
