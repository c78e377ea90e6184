from typing import Any

import pytest

from factories.events import CHECKOUT, NOW
from ooda.common.findings import Change
from ooda.common.known_good import KnownGoodSpec
from ooda.common.taxonomy import Mode
from ooda.decider.core.facts import (
    Facts,
    config_map_named,
    facts_of,
    facts_of_service,
    owner_of,
)


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


@pytest.mark.parametrize(("name", "found"), [("checkout", "h"), ("cart", None)])
def test_an_autoscaler_counts_for_the_workload_that_it_scales(name: str, found: Any) -> None:
    scaler = {
        "metadata": {"name": "h"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}},
    }
    facts = facts_of(Mode.AUTO, CHECKOUT, {"spec": {}}, [scaler], None)
    assert (facts.autoscaler, facts.replicas, facts.known_replicas) == (found, 1, None)


KNOWN = KnownGoodSpec(
    config_maps={"shop": ({"data": {"A": "1"}},), "shop.data": ({"data": {"B": "1"}},)}
)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (("configmap/shop.data.A",), "shop"),
        (("configmap/shop.binaryData.A", "spec.template.spec.volumes"), "shop"),
        (("configmap/other.data.A",), None),
        (("configmap/shop.data.data.B",), None),
        (("spec.replicas",), None),
        ((), None),
    ],
    ids=["one", "one of more fields", "not known", "names that cannot be told apart", "no", "none"],
)
def test_a_change_names_a_config_map_only_if_there_is_no_doubt(
    fields: tuple[str, ...], named: str | None
) -> None:
    change = Change(target=CHECKOUT, fields=fields, changed_at=NOW, known_good=True)
    assert config_map_named(change, KNOWN) == named


@pytest.mark.parametrize(("data", "found"), [({}, "shop"), ({"A": "1"}, None)])
def test_a_config_map_counts_if_known_good_has_another_content(
    data: dict[str, str], found: str | None
) -> None:
    live = {"metadata": {"name": "shop"}, "data": data}
    assert Facts(Mode.AUTO).with_config_map(live, KNOWN).config_map == found
    assert Facts(Mode.AUTO).with_config_map(live, None).config_map is None


@pytest.mark.parametrize(
    ("change", "led_elsewhere"),
    [({"selector": {"app": "b"}}, True), ({"ports": []}, True), ({"type": "NodePort"}, False)],
)
def test_of_a_service_only_where_it_leads_counts(
    change: dict[str, Any], *, led_elsewhere: bool
) -> None:
    good = {"selector": {"app": "a"}, "ports": [{"port": 80}]}
    known = KnownGoodSpec(services={"front": (good,)})
    live = {"metadata": {"labels": {}}, "spec": good | change}
    facts = facts_of_service(Mode.AUTO, "front", live, known)
    assert (facts.exists, facts.known_service) == (True, led_elsewhere)
    assert not facts_of_service(Mode.AUTO, "front", live, None).known_service
