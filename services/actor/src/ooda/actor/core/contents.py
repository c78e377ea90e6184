"""What a roll-back of a ConfigMap or a Service changes in it, or why nothing. Pure."""

from collections.abc import Mapping
from typing import Any

from ooda.common.cluster.interface import Object
from ooda.common.known_good import (
    CONFIG_PARTS,
    SERVICE_PARTS,
    KnownGoodSpec,
    last_good_config,
    last_good_service,
)
from ooda.common.plans import FieldChange
from ooda.common.pod_templates import config_maps_of

Changes = tuple[FieldChange, ...]


def config_changes(
    name: str, live: Object | None, template: Any, known: KnownGoodSpec
) -> Changes | str:
    """Return the fields by which a ConfigMap that a pod template uses differs from known good."""
    if live is None:
        return f"ConfigMap {name} does not exist."
    if name not in config_maps_of(template):
        return f"ConfigMap {name} is not one that the workload uses."
    good = last_good_config(known, name, live)
    if good is None:
        return f"No known good content of ConfigMap {name} differs from what it has."
    return differing(live, good, CONFIG_PARTS, "")


def service_changes(name: str, spec: Mapping[str, Any], known: KnownGoodSpec) -> Changes | str:
    """Return the fields by which where a Service leads differs from known good."""
    good = last_good_service(known, name, spec)
    if good is None:
        return f"No known good content of Service {name} differs from what it has."
    return differing(spec, good, SERVICE_PARTS, "/spec")


def differing(
    live: Mapping[str, Any], good: Mapping[str, Any], fields: tuple[str, ...], where: str
) -> Changes:
    """Return the changes of whole fields that make one content the other; empty is absent."""
    return tuple(
        FieldChange(path=f"{where}/{field}", before=live.get(field), after=good.get(field) or None)
        for field in fields
        if (live.get(field) or None) != (good.get(field) or None)
    )
