"""What every workload of ours has to keep, checked on what kustomize renders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ooda.testbed.workloads.logins import DATABASE_LOGINS, NATS_LOGINS
from servers.kubectl import kustomize

ROOT = Path(__file__).parents[3]
Objects = list[dict[str, Any]]
Only = Callable[[Objects, str, str], dict[str, Any]]

IMAGES = {"nats:2.15.1", "postgres:15", "prom/prometheus:v3.13.0", "ooda:dev"}
BESIDE = {"injector", "reaper"}
SERVICES = {"observer", "orienter", "decider", "actor", "recorder"}
ON_NODES = {"fault-agent"}
"""What has rights over its node, in a namespace of its own."""
NAMESPACES = {"ooda-system", "monitoring", "ooda-fault-agent"}
BROKEN = {"fault-injection-shop"}
"""Made by the shop's own manifests; what is put there is the right to break it."""
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
CLUSTER_WIDE = {
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def workloads(objects: Objects) -> Objects:
    found = [each for each in objects if "template" in each.get("spec", {})]
    assert found
    return found


def run_for_ever(objects: Objects) -> Objects:
    return [each for each in objects if each["kind"] != "Job"]


def confined(objects: Objects) -> Objects:
    """Return all workloads but what has rights over its node."""
    return [each for each in workloads(objects) if each["metadata"]["name"] not in ON_NODES]


def pods(objects: Objects) -> Objects:
    return [each["spec"]["template"]["spec"] for each in workloads(objects)]


def containers(objects: Objects) -> Objects:
    return [
        container
        for pod in pods(objects)
        for container in [*pod["containers"], *pod.get("initContainers", [])]
    ]


def test_all_workloads_are_rendered(everything: Objects) -> None:
    names = [each["metadata"]["name"] for each in workloads(everything)]
    assert len(names) == len(set(names))
    assert set(names) == {
        "nats",
        "postgres",
        "prometheus",
        "bootstrap",
        "migrate",
        *SERVICES,
        *BESIDE,
        *ON_NODES,
    }


def test_the_whole_is_its_two_parts(platform: Objects, agent: Objects) -> None:
    def by_name(each: dict[str, Any]) -> tuple[str, str]:
        return (each["kind"], each["metadata"]["name"])

    whole = kustomize(ROOT / "k8s/overlays/kind")
    assert sorted(whole, key=by_name) == sorted(platform + agent, key=by_name)


def test_only_pinned_images_are_used(everything: Objects) -> None:
    assert {each["image"] for each in containers(everything)} == IMAGES


def test_everything_is_in_a_namespace_of_ours(everything: Objects) -> None:
    inside = [each for each in everything if each["kind"] not in CLUSTER_WIDE]
    assert {each["metadata"].get("namespace") for each in inside} == NAMESPACES | BROKEN


def test_no_secret_is_in_the_manifests(everything: Objects) -> None:
    secrets = [each for each in everything if each["kind"] == "Secret"]
    assert not [each for each in secrets if {"data", "stringData"} & each.keys()]


def test_containers_say_what_they_need_and_may_take(everything: Objects) -> None:
    for each in containers(everything):
        for bound in ("requests", "limits"):
            assert set(each["resources"][bound]) == {"cpu", "memory"}, each["name"]


def test_containers_have_all_three_probes(everything: Objects) -> None:
    for each in containers(run_for_ever(everything)):
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(each), each["name"]


def test_containers_have_no_rights_that_they_do_not_use(everything: Objects) -> None:
    for each in containers(confined(everything)):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, each["name"]


def test_pods_are_nobody_on_the_node(everything: Objects) -> None:
    for pod in pods(confined(everything)):
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert not [each for each in pod["volumes"] if "hostPath" in each]


def test_pods_are_on_the_control_plane_node(everything: Objects) -> None:
    for pod in pods(confined(everything)):
        assert pod["nodeSelector"] == {CONTROL_PLANE: ""}
        assert {"key": CONTROL_PLANE, "operator": "Exists", "effect": "NoSchedule"} in pod[
            "tolerations"
        ]


def test_namespaces_enforce_the_restricted_standard(everything: Objects) -> None:
    found = {
        each["metadata"]["name"]: each["metadata"]["labels"]
        for each in everything
        if each["kind"] == "Namespace"
    }
    assert set(found) == NAMESPACES
    for name, labels in found.items():
        level = "privileged" if name == "ooda-fault-agent" else "restricted"
        assert labels["pod-security.kubernetes.io/enforce"] == level


def test_what_has_rights_over_its_node_has_those_that_it_needs(injector: Objects) -> None:
    (agent,) = [each for each in workloads(injector) if each["metadata"]["name"] in ON_NODES]
    pod = agent["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "appArmorProfile": {"type": "Unconfined"},
        "capabilities": {
            "drop": ["ALL"],
            "add": [
                *("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "SYS_NICE"),
                *("DAC_OVERRIDE", "CHOWN", "KILL"),
            ],
        },
    }
    assert pod["hostPID"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostIPC"} & set(pod)
    assert not [each for each in pod["volumes"] if "hostPath" in each]


def test_it_is_on_every_node_that_may_be_broken_and_the_last_to_go(injector: Objects) -> None:
    (agent,) = [each for each in workloads(injector) if each["metadata"]["name"] in ON_NODES]
    pod = agent["spec"]["template"]["spec"]
    wanted = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert wanted["nodeSelectorTerms"] == [
        {"matchExpressions": [{"key": CONTROL_PLANE, "operator": "DoesNotExist"}]}
    ]
    assert (agent["kind"], pod["priorityClassName"]) == ("DaemonSet", "system-node-critical")


def test_it_is_alone_in_its_namespace(everything: Objects) -> None:
    there = [
        each["metadata"]["name"]
        for each in workloads(everything)
        if each["metadata"]["namespace"] == "ooda-fault-agent"
    ]
    assert set(there) == ON_NODES


def test_the_host_reaches_servers_on_fixed_ports(everything: Objects) -> None:
    ports = {
        (each["metadata"]["name"], port["port"]): port["nodePort"]
        for each in everything
        if each["kind"] == "Service" and each["spec"].get("type") == "NodePort"
        for port in each["spec"]["ports"]
    }
    assert ports == {
        ("nats-host", 4222): 30422,
        ("postgres-host", 5432): 30432,
        ("prometheus", 9090): 30090,
    }


def test_services_select_pods_that_exist_and_ports_that_they_name(everything: Objects) -> None:
    templates = [each["spec"]["template"] for each in workloads(everything)]
    for service in (each for each in everything if each["kind"] == "Service"):
        wanted = service["spec"]["selector"].items()
        chosen = [each for each in templates if wanted <= each["metadata"]["labels"].items()]
        assert len(chosen) == 1, service["metadata"]["name"]
        named = {port["name"] for each in chosen[0]["spec"]["containers"] for port in each["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


def test_volumes_have_the_sizes_they_were_given(platform: Objects, only: Only) -> None:
    for name, size in {"nats": "1Gi", "postgres": "2Gi"}.items():
        claims = only(platform, "StatefulSet", name)["spec"]["volumeClaimTemplates"]
        assert [claim["spec"]["resources"]["requests"]["storage"] for claim in claims] == [size]


def variables_from_secrets(objects: Objects, *, optional: bool = False) -> set[tuple[str, str]]:
    return {
        (reference["name"], reference["key"])
        for container in containers(objects)
        for variable in container.get("env", [])
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
        if reference.get("optional", False) is optional
    }


def test_credentials_come_from_the_secrets_that_the_set_up_makes(
    platform: Objects, only: Only
) -> None:
    assert variables_from_secrets(platform) == {
        ("postgres-credentials", "username"),
        ("postgres-credentials", "password"),
    }
    (config,) = only(platform, "StatefulSet", "nats")["spec"]["template"]["spec"]["volumes"]
    assert {"secret": {"name": "nats-passwords"}} in config["projected"]["sources"]


def test_every_service_knows_its_own_password_only(agent: Objects) -> None:
    owner = {("postgres-credentials", "username"), ("postgres-credentials", "password")}
    secrets = {
        each["metadata"]["name"]: variables_from_secrets([each]) for each in workloads(agent)
    }
    assert secrets == {
        **{name: {(f"nats-{name}", "password")} for name in (*SERVICES, "bootstrap")},
        "recorder": {("nats-recorder", "password"), ("postgres-recorder", "password")},
        "migrate": {("postgres-recorder", "password"), ("postgres-reader", "password"), *owner},
    }


def test_what_the_operator_may_give_is_not_needed(agent: Objects) -> None:
    told = {
        each["metadata"]["name"]: variables_from_secrets([each], optional=True)
        for each in workloads(agent)
    }
    keys = {("ooda-model", key) for key in ("name", "base-url", "api-key")}
    assert {name: each for name, each in told.items() if each} == {
        "orienter": keys,
        "decider": {("notifications", "urls")},
    }


def test_the_secrets_that_are_named_are_those_that_the_set_up_makes(everything: Objects) -> None:
    logins = (*NATS_LOGINS, *DATABASE_LOGINS)
    made = {(each.secret, each.key) for each in logins}
    made |= {("postgres-credentials", "username"), ("postgres-credentials", "password")}
    assert variables_from_secrets(everything) <= made


def test_services_have_an_account_of_their_own_and_jobs_none(agent: Objects) -> None:
    accounts = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"].get("serviceAccountName")
        for each in workloads(agent)
    }
    assert accounts == {name: name for name in SERVICES} | {"bootstrap": None, "migrate": None}
    for each in workloads(agent):
        if each["kind"] == "Job":
            assert each["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    made = {each["metadata"]["name"] for each in agent if each["kind"] == "ServiceAccount"}
    assert made == SERVICES


def test_services_ask_for_600_megabytes_together_at_most(agent: Objects) -> None:
    asked = [each["resources"]["requests"]["memory"] for each in containers(run_for_ever(agent))]
    assert all(each.endswith("Mi") for each in asked)
    assert sum(int(each.removesuffix("Mi")) * 1024 * 1024 for each in asked) <= 600_000_000


def test_postgres_is_not_ready_before_it_listens_on_the_network(
    platform: Objects, only: Only
) -> None:
    pod = only(platform, "StatefulSet", "postgres")["spec"]["template"]["spec"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert "--host=127.0.0.1" in pod["containers"][0][probe]["exec"]["command"]
    writable = {each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
    assert writable == {"/var/lib/postgresql/data", "/var/run/postgresql", "/tmp"}  # noqa: S108
