"""Who owns an object, and who of them would change it back."""

from typing import Any

import pytest

from ooda.common.ownership import contesting_owner, owner_of


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "a"}}, "Argo CD"),
        ({"labels": {"argocd.argoproj.io/instance": "a"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "a"}}, "Flux"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "a"}}, "Flux"),
        ({"annotations": {"meta.helm.sh/release-name": "a"}}, "Helm"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
        ({"ownerReferences": [{"kind": "Shop", "name": "s", "controller": True}]}, "Shop s"),
    ],
)
def test_owners_are_known_by_their_marks(metadata: dict[str, Any], owner: str) -> None:
    assert str(owner_of({"metadata": metadata})).startswith(owner)


def test_what_kubectl_applied_has_no_owner() -> None:
    assert owner_of({"metadata": {"labels": {"app.kubernetes.io/managed-by": "kustomize"}}}) is None


def test_helm_changes_nothing_back_by_itself() -> None:
    assert (
        contesting_owner({"metadata": {"annotations": {"meta.helm.sh/release-name": "a"}}}) is None
    )


def test_who_would_change_it_back_is_named_first() -> None:
    metadata = {
        "annotations": {"meta.helm.sh/release-name": "a"},
        "labels": {"argocd.argoproj.io/instance": "b"},
    }
    assert owner_of({"metadata": metadata}) == "Argo CD (argocd.argoproj.io/instance=b)"
