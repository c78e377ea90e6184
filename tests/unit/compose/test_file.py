"""compose.yaml, held to what the manifests of the cluster say of the same programs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ooda.testbed.compose.files import SERVICES, Passwords, server_files, service_files
from ooda.testbed.layout import COMPOSE_PORTS, COMPOSE_PROJECT, NODE_PORTS
from ooda.testbed.pins import read_pins
from ooda.testbed.workloads.logins import DATABASE_LOGINS, NATS_LOGINS
from servers.kubectl import kustomize

ROOT = Path(__file__).parents[3]
WHOLE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
FILE: dict[str, Any] = WHOLE["services"]
PROGRAMS = ("bootstrap", "migrate", *SERVICES)
IMAGE = "${OODA_IMAGE:-ooda:dev}"


@pytest.fixture(scope="module")
def pods() -> dict[str, Any]:
    objects = kustomize(ROOT / "k8s/overlays/kind")
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in objects
        if "template" in each.get("spec", {})
    }


def environment_of(name: str) -> set[str]:
    files = {
        **server_files(PASSWORDS),
        **service_files(PASSWORDS, {service: {} for service in SERVICES}, {}),
    }
    lines = files.get(f"{name}.environment", "").splitlines()
    return {line.removeprefix("export ").partition("=")[0] for line in lines}


def may_be_absent(variable: dict[str, Any]) -> bool:
    """Whether it is of a Secret that need not be there: then the environment may have it."""
    return bool(variable.get("valueFrom", {}).get("secretKeyRef", {}).get("optional"))


PASSWORDS = Passwords(
    {each.name: "n" * 24 for each in NATS_LOGINS},
    {"ooda": "o" * 24, **{each.name: "p" * 24 for each in DATABASE_LOGINS}},
)


def test_it_runs_what_the_manifests_run(pods: dict[str, Any]) -> None:
    assert set(FILE) == {*pods, "nats-volume"}
    assert WHOLE["name"] == COMPOSE_PROJECT


@pytest.mark.parametrize("name", FILE)
def test_nothing_has_a_privilege(name: str) -> None:
    service = FILE[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    # A new volume belongs to root, and somebody has to give it away.
    one = name == "nats-volume"
    assert service.get("cap_add", []) == (["CHOWN"] if one else [])
    assert (service["user"] == "0:0") is one
    assert (service.get("network_mode") == "none") is one


@pytest.mark.parametrize("name", sorted(set(FILE) - {"nats-volume"}))
def test_image_command_limit_and_user_are_those_of_the_manifest(
    pods: dict[str, Any], name: str
) -> None:
    pod, service = pods[name], FILE[name]
    (container,) = pod["containers"]
    assert service["image"].replace(IMAGE, "ooda:dev") == container["image"]
    assert service["command"] == container.get("command", container.get("args", ["postgres"]))
    assert f"{service['mem_limit']}i" == container["resources"]["limits"]["memory"].lower()
    security = pod["securityContext"]
    assert service["user"] == f"{security['runAsUser']}:{security['runAsGroup']}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_told_what_its_pod_is_told(pods: dict[str, Any], name: str) -> None:
    variables = pods[name]["containers"][0]["env"]
    told = {each["name"] for each in variables if not may_be_absent(each)}
    by_default = {"OODA_NAMESPACE", "OODA_IDENTITY", "OODA_NODE_NAME"}  # in no pod, on no node
    outside = {"OODA_CLUSTER__KUBECONFIG"} if name in SERVICES else set()
    assert {*FILE[name]["environment"], *environment_of(name)} == (told - by_default) | outside


def test_no_password_is_in_a_variable_that_docker_shows() -> None:
    shown = [each for service in FILE.values() for each in service.get("environment", {})]
    assert [each for each in shown if "PASSWORD" in each] == []


@pytest.mark.parametrize("name", FILE)
def test_every_secret_is_a_file_that_the_set_up_writes(name: str) -> None:
    written = {
        *server_files(PASSWORDS),
        *service_files(PASSWORDS, {service: {} for service in SERVICES}, {}),
    }
    sources = [each["source"] for each in FILE[name].get("secrets", [])]
    for source in sources:
        path = WHOLE["secrets"][source]["file"]
        assert path.startswith("${OODA_COMPOSE_FILES")
        assert path.rpartition("/")[2] in written
        # A password of its own: nothing reads what another one reads.
        assert source.startswith(f"{name}-")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_until_its_servers_are_prepared(name: str) -> None:
    needed = {"bootstrap", "migrate"} if name == "recorder" else {"bootstrap"}
    assert FILE[name]["depends_on"] == {
        each: {"condition": "service_completed_successfully"} for each in needed
    }
    assert "/readyz" in FILE[name]["healthcheck"]["test"][-1]
    assert FILE[name]["restart"] == "unless-stopped"


def test_what_prepares_them_waits_for_the_server() -> None:
    assert FILE["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert FILE["bootstrap"]["depends_on"] == {"nats": {"condition": "service_started"}}
    assert "restart" not in FILE["bootstrap"]
    assert "restart" not in FILE["migrate"]


def test_servers_are_published_on_loopback_only_and_beside_those_of_kind() -> None:
    published = [port for service in FILE.values() for port in service.get("ports", [])]
    assert published == [
        f"127.0.0.1:${{OODA_COMPOSE_NATS_PORT:-{COMPOSE_PORTS['NATS']}}}:4222",
        f"127.0.0.1:${{OODA_COMPOSE_POSTGRES_PORT:-{COMPOSE_PORTS['Postgres']}}}:5432",
    ]
    assert not set(COMPOSE_PORTS.values()) & {port for port, _ in NODE_PORTS.values()}


def test_only_services_are_where_the_api_server_is() -> None:
    assert {name for name, each in FILE.items() if "api" in each.get("networks", [])} == {*SERVICES}


def test_images_are_pinned() -> None:
    pinned = {*read_pins(ROOT / "testbed/images").needed, IMAGE}
    assert {each["image"] for each in FILE.values()} <= pinned


def test_what_it_needs_in_the_cluster_is_that_of_the_agent_without_its_pods() -> None:
    def names(folder: str) -> set[tuple[str, str]]:
        return {(each["kind"], each["metadata"]["name"]) for each in kustomize(ROOT / folder)}

    agent = names("k8s/overlays/kind/agent")
    rights = {each for each in agent if each[0] not in {"Deployment", "Job"}}
    assert names("k8s/overlays/compose") == {*rights, ("Namespace", "ooda-system")}
