"""What is written for the containers."""

import json
import tomllib

import tomlkit

from ooda.testbed.compose.files import (
    SERVICES,
    Passwords,
    as_lines,
    literal_variables,
    local_config,
    optional_secrets,
    published_ports,
    server_files,
    service_files,
    service_kubeconfig,
)
from ooda.testbed.workloads.logins import NATS_LOGINS

PASSWORDS = Passwords(
    {each.name: f"{each.name}-of-the-bus-0123" for each in NATS_LOGINS},
    {name: f"{name}-of-the-database" for name in ("ooda", "recorder", "reader")},
)
CLUSTER = {"server": "https://127.0.0.1:16443", "certificate-authority-data": "Q0E="}


def kubeconfigs() -> dict[str, dict[str, object]]:
    return {
        service: service_kubeconfig(service, CLUSTER, "https://api:6443", f"token-{service}")
        for service in SERVICES
    }


def test_a_service_is_given_its_own_password_and_no_other() -> None:
    files = service_files(PASSWORDS, kubeconfigs(), {})
    assert files["actor.environment"] == "export OODA_NATS__PASSWORD=actor-of-the-bus-0123\n"
    everything = [*PASSWORDS.nats.values(), *PASSWORDS.postgres.values()]
    found = [each for each in everything if each in files["observer.environment"]]
    assert found == ["observer-of-the-bus-0123"]


def test_the_recorder_has_a_role_of_its_own_in_the_database() -> None:
    text = service_files(PASSWORDS, kubeconfigs(), {})["recorder.environment"]
    assert "export OODA_POSTGRES__USER=recorder\n" in text
    assert "export OODA_POSTGRES__PASSWORD=recorder-of-the-database\n" in text


def test_the_owner_of_the_database_is_for_the_server_and_the_migration() -> None:
    files = {**server_files(PASSWORDS), **service_files(PASSWORDS, kubeconfigs(), {})}
    holders = [name for name, text in files.items() if "ooda-of-the-database" in text]
    assert holders == ["postgres.environment", "migrate.environment"]


def test_a_value_that_the_shell_would_read_is_quoted() -> None:
    passwords = Passwords(PASSWORDS.nats, {**PASSWORDS.postgres, "ooda": "a'$(b) c"})
    assert "POSTGRES_PASSWORD='a'\"'\"'$(b) c'\n" in server_files(passwords)["postgres.environment"]


def test_a_kubeconfig_is_one_account_at_the_address_that_containers_reach() -> None:
    made = json.loads(service_files(PASSWORDS, kubeconfigs(), {})["decider.kubeconfig"])
    assert made["clusters"][0]["cluster"] == {
        "server": "https://api:6443",
        "certificate-authority-data": "Q0E=",
    }
    assert made["users"] == [{"name": "decider", "user": {"token": "token-decider"}}]
    assert made["contexts"][0]["context"] == {"cluster": "ooda", "user": "decider"}
    assert made["current-context"] == made["contexts"][0]["name"]


def test_people_are_the_reader_and_the_command_line() -> None:
    ports = {"NATS": "1", "Postgres": "2"}
    written = local_config(PASSWORDS, ports, {"kubeconfig": "/k", "context": "c"})
    assert tomllib.loads(tomlkit.dumps(written)) == {
        "nats": {"url": "nats://127.0.0.1:1", "user": "cli", "password": "cli-of-the-bus-0123"},
        "postgres": {
            "url": "postgresql://127.0.0.1:2/ooda",
            "user": "reader",
            "password": "reader-of-the-database",
        },
        "cluster": {"kubeconfig": "/k", "context": "c"},
    }


def test_literals_of_manifests_are_taken_and_references_are_not() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {}}}]
    pod = {"containers": [{"env": env}, {}]}
    assert literal_variables([{"spec": {"template": {"spec": pod}}}]) == {"A": "1"}


def test_variables_are_written_so_that_compose_takes_them_literally() -> None:
    assert as_lines({"A": "1 $HOME", "B": ""}) == "A='1 $HOME'\nB=''\n"


def test_a_port_can_be_chosen_and_an_empty_choice_is_none() -> None:
    assert published_ports(
        {"OODA_COMPOSE_NATS_PORT": "4222", "OODA_COMPOSE_POSTGRES_PORT": ""}
    ) == {
        "NATS": "4222",
        "Postgres": "25432",
    }


def test_what_a_secret_may_tell_a_pod_the_environment_may_tell_its_container() -> None:
    env = [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "optional": True}}},
        {"name": "UNSET", "valueFrom": {"secretKeyRef": {"name": "s", "optional": True}}},
        {"name": "NEEDED", "valueFrom": {"secretKeyRef": {"name": "s"}}},
        {"name": "HOME", "value": "/"},
    ]
    pod = {"containers": [{"env": env}]}
    metadata = {"name": "orienter"}
    objects = [{"kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": pod}}},
               {"kind": "Role", "metadata": metadata}]  # fmt: skip
    given = optional_secrets(objects, {"KEY": "k", "UNSET": "", "NEEDED": "n", "HOME": "/home"})
    assert given == {"orienter": {"KEY": "k"}}
    text = service_files(PASSWORDS, kubeconfigs(), given)["orienter.environment"]
    assert "export KEY=k\n" in text
    assert "export OODA_NATS__PASSWORD=orienter-of-the-bus-0123\n" in text
