"""What is written for compose.yaml: each program's variables, each service's kubeconfig. Pure."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ooda.testbed.layout import COMPOSE_PORTS
from ooda.testbed.workloads.logins import as_config
from ooda.testbed.workloads.manifests import Object

SERVICES = ("observer", "orienter", "decider", "actor", "recorder")
DATABASE_OWNER = "ooda"


@dataclass(frozen=True)
class Passwords:
    """By login: of the bus, and of the database."""

    nats: Mapping[str, str]
    postgres: Mapping[str, str]


def server_files(passwords: Passwords) -> dict[str, str]:
    """Return what everything but the services reads, by file name."""
    owner = passwords.postgres[DATABASE_OWNER]
    return {
        "nats-passwords.conf": as_config(passwords.nats),
        "postgres.environment": _exports(POSTGRES_USER=DATABASE_OWNER, POSTGRES_PASSWORD=owner),
        "bootstrap.environment": _exports(OODA_NATS__PASSWORD=passwords.nats["bootstrap"]),
        "migrate.environment": _exports(
            OODA_POSTGRES__USER=DATABASE_OWNER,
            OODA_POSTGRES__PASSWORD=owner,
            OODA_RECORDER_PASSWORD=passwords.postgres["recorder"],
            OODA_READER_PASSWORD=passwords.postgres["reader"],
        ),
    }


def service_files(
    passwords: Passwords,
    kubeconfigs: Mapping[str, Object],
    others: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """Return what the services read, by file name; `others` has more variables, by service."""
    files = {}
    for service, kubeconfig in kubeconfigs.items():
        variables = {**others.get(service, {}), "OODA_NATS__PASSWORD": passwords.nats[service]}
        if service == "recorder":
            variables["OODA_POSTGRES__USER"] = service
            variables["OODA_POSTGRES__PASSWORD"] = passwords.postgres[service]
        files[f"{service}.environment"] = _exports(**variables)
        files[f"{service}.kubeconfig"] = json.dumps(kubeconfig, indent=2)
    return files


def service_kubeconfig(service: str, cluster: Mapping[str, Any], server: str, token: str) -> Object:
    """Return a kubeconfig of one ServiceAccount, for a cluster as another kubeconfig has it."""
    name = "ooda"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {**cluster, "server": server}}],
        "users": [{"name": service, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": service}}],
        "current-context": name,
    }


def local_config(
    passwords: Passwords, ports: Mapping[str, str], cluster: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the configuration that leads programs of this machine to compose's servers."""
    return {
        "nats": {
            "url": f"nats://127.0.0.1:{ports['NATS']}",
            "user": "cli",
            "password": passwords.nats["cli"],
        },
        "postgres": {
            "url": f"postgresql://127.0.0.1:{ports['Postgres']}/ooda",
            "user": "reader",
            "password": passwords.postgres["reader"],
        },
        "cluster": dict(cluster),
    }


def published_ports(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the ports on 127.0.0.1, by server: those that the environment names, else ours."""
    return {
        name: environment.get(port_variable(name)) or str(port)
        for name, port in COMPOSE_PORTS.items()
    }


def port_variable(server: str) -> str:
    """Return the variable of compose.yaml that says where a server is published."""
    return f"OODA_COMPOSE_{server.upper()}_PORT"


def literal_variables(objects: Iterable[Object]) -> dict[str, str]:
    """Return the variables that manifests give their containers as literals."""
    return {
        variable["name"]: variable["value"]
        for each in objects
        for container in each["spec"]["template"]["spec"]["containers"]
        for variable in container.get("env", [])
        if "value" in variable
    }


def optional_secrets(
    objects: Iterable[Object], environment: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return, by workload, the variables that its pod takes from a Secret that need not be there.

    Their values are those of an environment; what is not set there is left out.
    """
    return {
        each["metadata"]["name"]: {
            variable["name"]: environment[variable["name"]]
            for container in each["spec"]["template"]["spec"]["containers"]
            for variable in container.get("env", [])
            if variable.get("valueFrom", {}).get("secretKeyRef", {}).get("optional")
            and environment.get(variable["name"])
        }
        for each in objects
        if each["kind"] == "Deployment"
    }


def as_lines(variables: Mapping[str, str]) -> str:
    """Return the file that Docker Compose reads its variables from; values are taken literally."""
    return "".join(f"{name}='{value}'\n" for name, value in variables.items())


def _exports(**variables: str) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
