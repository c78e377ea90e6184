"""Who else owns an object, by the marks that owners leave. Pure."""

from collections.abc import Mapping
from typing import Any

_CONTESTS: Mapping[str, str] = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
"""Labels and annotations of tools that follow a repository, and change back what differs."""


def contesting_owner(live: Mapping[str, Any]) -> str | None:
    """Return who would change an object back: a deployment tool, or the object that controls it."""
    marks = _marks(live)
    for mark, tool in _CONTESTS.items():
        if mark in marks:
            return f"{tool} ({mark}={marks[mark]})"
    for reference in (live.get("metadata") or {}).get("ownerReferences") or ():
        if reference.get("controller"):
            return f"{reference.get('kind')} {reference.get('name')}"
    return None


def owner_of(live: Mapping[str, Any]) -> str | None:
    """Return who owns an object: one who would change it back, or Helm, which would only later."""
    contesting = contesting_owner(live)
    if contesting is not None:
        return contesting
    marks = _marks(live)
    if "meta.helm.sh/release-name" in marks:
        return f"Helm (meta.helm.sh/release-name={marks['meta.helm.sh/release-name']})"
    if marks.get("app.kubernetes.io/managed-by") == "Helm":
        return "Helm (app.kubernetes.io/managed-by=Helm)"
    return None


def _marks(live: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = live.get("metadata") or {}
    return {**(metadata.get("annotations") or {}), **(metadata.get("labels") or {})}
