"""The manifests as kustomize renders them: what each promises, something has to keep."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from servers.kubectl import kustomize
from shop.main import JOBS, SERVICES
from shop.prices import parse

SHOP = Path(__file__).parents[3] / "testbed/shop"
WORKLOADS = {"Deployment", "StatefulSet", "CronJob"}
# Made by the set-up, never committed: see testbed/shop/README.md.
FROM_SETUP = {
    ("ConfigMap", "token-verification-key"),
    ("Secret", "orders-db-admin"),
    ("Secret", "orders-db-credentials"),
    ("Secret", "shop-users"),
    ("Secret", "token-refresh-credential"),
    ("Secret", "token-signing-key"),
}
SEVERAL = {"storefront", "catalog", "cart", "checkout", "payment"}
ANNOTATED_KINDS = {
    "ooda.dev/token-refresh": "CronJob",
    "ooda.dev/volume-cleanup": "CronJob",
    "ooda.dev/fallback": "Service",
}

Manifest = Mapping[str, Any]


def render(folder: str) -> list[Manifest]:
    return list(kustomize(SHOP / folder))


@pytest.fixture(scope="module")
def shop() -> list[Manifest]:
    return render("k8s")


@pytest.fixture(scope="module")
def load() -> list[Manifest]:
    return render("load")


def of_kind(objects: list[Manifest], *kinds: str) -> dict[str, Manifest]:
    return {found["metadata"]["name"]: found for found in objects if found["kind"] in kinds}


def workloads(objects: list[Manifest]) -> dict[str, Manifest]:
    return of_kind(objects, *WORKLOADS)


def template(workload: Manifest) -> Manifest:
    spec = workload["spec"]
    if workload["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    found: Manifest = spec["template"]
    return found


def pods(objects: list[Manifest]) -> Iterator[tuple[str, str, Manifest]]:
    for name, workload in workloads(objects).items():
        yield name, workload["kind"], template(workload)["spec"]


def names(objects: list[Manifest]) -> set[tuple[str, str]]:
    return {(found["kind"], found["metadata"]["name"]) for found in objects} | FROM_SETUP


def test_every_container_is_bounded_and_locked_down(
    shop: list[Manifest], load: list[Manifest]
) -> None:
    for name, _, pod in pods(shop + load):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            assert set(container["resources"]["limits"]) == {"cpu", "memory"}, name
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
            assert container["imagePullPolicy"] == "IfNotPresent", name
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name


def test_whatever_runs_on_is_probed(shop: list[Manifest], load: list[Manifest]) -> None:
    for name, kind, pod in pods(shop + load):
        for container in pod["containers"]:
            probed = {"readinessProbe", "livenessProbe"} <= set(container)
            assert probed is (kind != "CronJob"), name


def test_every_role_has_a_workload(shop: list[Manifest]) -> None:
    roles = {
        container["args"][0]
        for _, _, pod in pods(shop)
        for container in pod["containers"]
        if container["image"] == "ooda-shop:dev"
    }
    assert roles == {*SERVICES, *JOBS}


def test_images_are_named_as_upstream_names_them(shop: list[Manifest]) -> None:
    images = {container["image"] for _, _, pod in pods(shop) for container in pod["containers"]}
    assert images == {"ooda-shop:dev", "postgres:15", "redis:7"}


def test_annotations_name_objects_of_the_allowed_kinds(shop: list[Manifest]) -> None:
    exist = names(shop)
    for workload in workloads(shop).values():
        annotations = workload["metadata"].get("annotations", {})
        for key, kind in ANNOTATED_KINDS.items():
            if key in annotations:
                assert (kind, annotations[key]) in exist


def test_breaker_annotations_name_keys_of_the_config_map(shop: list[Manifest]) -> None:
    keys = set(of_kind(shop, "ConfigMap")["circuit-breakers"]["data"])
    services = set(of_kind(shop, "Service"))
    declared = set()
    for client, workload in workloads(shop).items():
        annotations = workload["metadata"].get("annotations", {})
        for entry in annotations.get("ooda.dev/circuit-breaker", "").split(","):
            if not entry:
                continue
            server, _, key = entry.strip().partition("=")
            assert key == f"circuit-breakers/{client}.{server}"
            assert server in services
            declared.add(f"{client}.{server}")
    assert declared == keys


def test_services_that_verify_tokens_carry_the_inert_clock(shop: list[Manifest]) -> None:
    deployments = of_kind(shop, "Deployment")
    carrying = set()
    for name, workload in deployments.items():
        container = template(workload)["spec"]["containers"][0]
        env = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
        if env.get("LD_PRELOAD") == "/opt/shop/libclockskew.so":
            mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert {"/run/clock", "/etc/shop/verification"} <= mounts
            assert str(env["CLOCK_SKEW_FILE"]).startswith("/run/clock/")
            carrying.add(name)
    others = {"auth", "reports", "carts"}
    assert carrying == set(deployments) - others


def test_accounts_exist_and_may_read_only_what_exists(shop: list[Manifest]) -> None:
    exist = names(shop)
    for name, _, pod in pods(shop):
        assert ("ServiceAccount", pod["serviceAccountName"]) in exist, name
    for role in of_kind(shop, "Role").values():
        for rule in role["rules"]:
            kind = {"configmaps": "ConfigMap", "secrets": "Secret"}[rule["resources"][0]]
            assert rule["resourceNames"]
            assert all((kind, target) in exist for target in rule["resourceNames"])
    for binding in of_kind(shop, "RoleBinding").values():
        assert ("Role", binding["roleRef"]["name"]) in exist
        assert ("ServiceAccount", binding["subjects"][0]["name"]) in exist


def test_only_accounts_with_a_role_get_a_token(shop: list[Manifest]) -> None:
    bound = {binding["subjects"][0]["name"] for binding in of_kind(shop, "RoleBinding").values()}
    mounting = {
        name
        for name, account in of_kind(shop, "ServiceAccount").items()
        if account.get("automountServiceAccountToken", True)
    }
    assert mounting == bound


def test_what_pods_mount_or_read_exists(shop: list[Manifest]) -> None:
    exist = names(shop)
    for name, _, pod in pods(shop):
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in exist, name
            if "secret" in volume:
                assert ("Secret", volume["secret"]["secretName"]) in exist, name
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in exist, name
        for container in pod["containers"]:
            for entry in container.get("env", []):
                if "valueFrom" in entry:
                    secret = entry["valueFrom"]["secretKeyRef"]["name"]
                    assert ("Secret", secret) in exist, name


def test_no_secret_value_is_committed(shop: list[Manifest]) -> None:
    for secret in of_kind(shop, "Secret").values():
        assert not secret.get("data")
        assert not secret.get("stringData")


def test_services_select_pods_that_have_the_port(
    shop: list[Manifest], load: list[Manifest]
) -> None:
    for objects in (shop, load):
        for name, service in of_kind(objects, "Service").items():
            chosen = [
                template(workload)
                for workload in workloads(objects).values()
                if service["spec"]["selector"].items()
                <= template(workload)["metadata"]["labels"].items()
            ]
            assert len(chosen) == 1, name
            ports = {port["name"] for port in chosen[0]["spec"]["containers"][0]["ports"]}
            assert service["spec"]["ports"][0]["targetPort"] in ports


def test_several_replicas_are_spread_and_kept(shop: list[Manifest]) -> None:
    deployments = of_kind(shop, "Deployment")
    assert {name for name, one in deployments.items() if one["spec"]["replicas"] > 1} == SEVERAL
    budgets = of_kind(shop, "PodDisruptionBudget")
    assert set(budgets) == SEVERAL
    for name in SEVERAL:
        pod_labels = template(deployments[name])["metadata"]["labels"]
        budget = budgets[name]["spec"]
        assert budget["minAvailable"] == 1
        assert budget["selector"]["matchLabels"].items() <= pod_labels.items()
        (spread,) = template(deployments[name])["spec"]["topologySpreadConstraints"]
        assert spread["whenUnsatisfiable"] == "DoNotSchedule"
        assert spread["nodeTaintsPolicy"] == "Honor"
        assert spread["labelSelector"]["matchLabels"].items() <= pod_labels.items()
        assert "pod-template-hash" in spread["matchLabelKeys"]
        rollout = deployments[name]["spec"]["strategy"]["rollingUpdate"]
        assert rollout == {"maxUnavailable": 0, "maxSurge": 1}


def test_priorities_exist(shop: list[Manifest]) -> None:
    known = {*of_kind(shop, "PriorityClass"), "system-cluster-critical", None}
    used = {name: pod.get("priorityClassName") for name, _, pod in pods(shop)}
    assert set(used.values()) <= known
    critical = {name for name, priority in used.items() if priority == "shop-critical"}
    assert critical >= {"storefront", "checkout", "payment", "orders-db", "carts"}
    assert used["reports"] == "shop-batch"


def test_the_clean_up_may_run_on_a_full_node(shop: list[Manifest]) -> None:
    pod = template(workloads(shop)["volume-cleanup"])["spec"]
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["tolerations"][0]["key"] == "node.kubernetes.io/disk-pressure"


def test_everything_that_serves_is_scraped(shop: list[Manifest]) -> None:
    for name, workload in of_kind(shop, "Deployment").items():
        annotations = template(workload)["metadata"].get("annotations", {})
        assert (annotations.get("prometheus.io/scrape") == "true") is (name != "carts")


def test_entries_are_on_their_fixed_ports(shop: list[Manifest], load: list[Manifest]) -> None:
    ports = {
        name: service["spec"]["ports"][0]["nodePort"]
        for name, service in of_kind(shop + load, "Service").items()
        if service["spec"].get("type") == "NodePort"
    }
    assert ports == {"storefront": 30080, "load": 30089}


def test_namespaces(shop: list[Manifest], load: list[Manifest]) -> None:
    for objects, namespace in ((shop, "fault-injection-shop"), (load, "shop-load")):
        assert ("Namespace", namespace) in names(objects)
        placed = {found["metadata"].get("namespace") for found in objects}
        assert placed <= {namespace, None}


def test_the_price_list_is_valid(shop: list[Manifest]) -> None:
    assert len(parse(of_kind(shop, "ConfigMap")["price-list"]["data"])) == 24
