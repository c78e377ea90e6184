"""What was known to be good, per namespace: the custom resource ``KnownGood`` named ``catalog``.

Pure. The observer alone writes it, so that people can read it with kubectl and the API server can
hold the actor to it. Contents are kept exactly as the API server had them.
"""

import datetime as dt
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

CATALOG = "catalog"
"""The name of the one object per namespace."""

VERSIONS_KEPT = 3
"""Known good versions per object; the newest is the last."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class KnownWorkload(_Part):
    """A workload while it was healthy."""

    templates: tuple[Mapping[str, Any], ...] = ()
    """Pod templates, whole (``metadata`` and ``spec``), oldest first."""
    replicas: int | None = None
    """The last healthy number of replicas; None for a kind that has none."""
    healthy_at: dt.datetime = Field(alias="healthyAt")


class KnownAccess(_Part):
    """The grants of a service account while all workloads that run as it were healthy."""

    roles: Mapping[str, tuple[Mapping[str, Any], ...]] = {}
    """The ``rules`` of each Role by name."""
    role_bindings: Mapping[str, Mapping[str, Any]] = Field(default={}, alias="roleBindings")
    """``roleRef`` and ``subjects`` by name."""


class KnownGoodSpec(_Part):
    """The spec of the custom resource. Keys of ``workloads`` are ``Deployment/checkout``."""

    workloads: Mapping[str, KnownWorkload] = {}
    services: Mapping[str, tuple[Mapping[str, Any], ...]] = {}
    """Specs by name."""
    config_maps: Mapping[str, tuple[Mapping[str, Any], ...]] = Field(default={}, alias="configMaps")
    """``data`` and ``binaryData`` by name."""
    network_policies: Mapping[str, tuple[Mapping[str, Any], ...]] = Field(
        default={}, alias="networkPolicies"
    )
    """Specs by name."""
    service_accounts: Mapping[str, KnownAccess] = Field(default={}, alias="serviceAccounts")
    """What each account was granted in this namespace."""


def workload_key(kind: str, name: str) -> str:
    """Return the key of a workload."""
    return f"{kind}/{name}"


def last_good_template(
    spec: KnownGoodSpec, kind: str, name: str, current: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return the newest known good template to go back to, None if there is none.

    Where the current one is the newest that was good, an older release would only hide the cause.
    """
    known = spec.workloads.get(workload_key(kind, name))
    if known is None or not known.templates:
        return None
    newest = known.templates[-1]
    return newest if newest != current else None


CONFIG_PARTS = ("data", "binaryData")
"""What a ConfigMap says: these fields of it."""


def last_good_config(
    spec: KnownGoodSpec, name: str, current: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return the newest known good content of a ConfigMap to go back to, None if there is none."""
    return _newest(spec.config_maps.get(name, ()), current, CONFIG_PARTS)


SERVICE_PARTS = ("selector", "ports")
"""What decides where a Service leads: these fields of its spec. The others are its own."""


def last_good_service(
    spec: KnownGoodSpec, name: str, current: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return the newest known good spec of a Service to go back to, None if there is none."""
    return _newest(spec.services.get(name, ()), current, SERVICE_PARTS)


def ports_astray(
    spec: Mapping[str, Any], good: Mapping[str, Any], declared: AbstractSet[str]
) -> list[str]:
    """Return the ports that a Service leads to now, instead of one that its pods declare.

    A port that is not declared may be open all the same: only one that took the place of a declared
    one counts.
    """
    now, before = _targets(spec), _targets(good)
    new = [each for each in now if each not in declared and each not in before]
    return new if any(each in declared and each not in now for each in before) else []


def _targets(spec: Mapping[str, Any]) -> list[str]:
    ports = spec.get("ports")
    listed = ports if isinstance(ports, list | tuple) else ()
    return [str(e.get("targetPort", e.get("port"))) for e in listed if isinstance(e, Mapping)]


def _newest(
    versions: tuple[Mapping[str, Any], ...], current: Mapping[str, Any], parts: tuple[str, ...]
) -> Mapping[str, Any] | None:
    if not versions:
        return None
    newest = versions[-1]
    same = all((newest.get(part) or None) == (current.get(part) or None) for part in parts)
    return None if same else newest
