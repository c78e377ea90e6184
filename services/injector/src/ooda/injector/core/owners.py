"""Who would change an object back: deployment tools that follow a repository. Pure."""

from collections.abc import Mapping
from typing import Any

_MARKS: Mapping[str, str] = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
"""Labels and annotations. Helm alone is not among them: it changes nothing back by itself."""


def owner_of(live: Mapping[str, Any]) -> str | None:
    """Return the tool, or the operator's object, that owns an object; None if nobody does."""
    meta = live["metadata"]
    marks = {**(meta.get("labels") or {}), **(meta.get("annotations") or {})}
    for mark, tool in _MARKS.items():
        if mark in marks:
            return tool
    owners = meta.get("ownerReferences") or ()
    return next(
        (f"{each['kind']} {each['name']}" for each in owners if each.get("controller")), None
    )
