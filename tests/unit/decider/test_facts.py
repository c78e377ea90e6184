from typing import Any

import pytest

from factories.events import CHECKOUT
from ooda.common.taxonomy import Mode
from ooda.decider.core.facts import facts_of, owner_of


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


@pytest.mark.parametrize(
    ("spec", "limited"),
    [
        ({"containers": [{"resources": {"limits": {"memory": "64Mi"}}}]}, True),
        ({"initContainers": [{"resources": {"limits": {"memory": "64Mi"}}}]}, True),
        ({"containers": [{"resources": {"limits": {"cpu": "1"}}}, {}]}, False),
        ({"containers": [{"resources": {"requests": {"memory": "64Mi"}}}]}, False),
        ({}, False),
    ],
)
def test_whether_there_is_a_memory_limit_to_raise(spec: dict[str, Any], *, limited: bool) -> None:
    workload = {"spec": {"template": {"spec": spec}}}
    assert facts_of(Mode.AUTO, CHECKOUT, workload, [], None).memory_limited is limited


@pytest.mark.parametrize(("name", "found"), [("checkout", "h"), ("cart", None)])
def test_an_autoscaler_counts_for_the_workload_that_it_scales(name: str, found: Any) -> None:
    scaler = {
        "metadata": {"name": "h"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}},
    }
    facts = facts_of(Mode.AUTO, CHECKOUT, {"spec": {}}, [scaler], None)
    assert (facts.autoscaler, facts.replicas, facts.known_replicas) == (found, 1, None)
