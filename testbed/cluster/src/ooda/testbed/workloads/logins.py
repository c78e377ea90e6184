"""Who may log in to NATS and to Postgres: a password each, made once, kept in Secrets.

The server's own Secret is made from those of the users, so that the two cannot disagree.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from ooda.common.bus.server_config import PASSWORDS_FILE, password_variables, render_passwords
from ooda.common.topology import Service
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.workloads.deploy import Credential, create_credentials, read_secrets

SYSTEM = "ooda-system"
PEOPLE = ("operator",)
"""Those who may answer reviews; each has an account of their own on the bus."""

NATS_PEOPLE = "nats-credentials"
"""Secret of the logins that are no service's: the command line and the people."""


@dataclass(frozen=True)
class Login:
    """Where one password is kept."""

    name: str
    secret: str
    key: str = "password"


NATS_LOGINS = (
    *(Login(each, f"nats-{each}") for each in Service if each is not Service.CLI),
    *(Login(each, NATS_PEOPLE, each) for each in (Service.CLI, *PEOPLE)),
)
DATABASE_LOGINS = tuple(Login(each, f"postgres-{each}") for each in ("recorder", "reader"))


def ensure_passwords(kubectl: Kubectl, logins: tuple[Login, ...]) -> dict[str, str]:
    """Have a password for each login; return them by name. Those that are there are kept."""
    found = read_secrets(kubectl, SYSTEM)
    passwords = {
        each.name: found.get(each.secret, {}).get(each.key) or secrets.token_urlsafe(24)
        for each in logins
    }
    wanted: dict[str, dict[str, str]] = {}
    for each in logins:
        wanted.setdefault(each.secret, {})[each.key] = passwords[each.name]
    changed = [
        Credential(SYSTEM, name, values)
        for name, values in wanted.items()
        if found.get(name) != values
    ]
    create_credentials(kubectl, *changed)
    return passwords


def ensure_nats_passwords(kubectl: Kubectl) -> None:
    """Have the passwords of the bus, for its users and for the server."""
    passwords = ensure_passwords(kubectl, NATS_LOGINS)
    create_credentials(
        kubectl, Credential(SYSTEM, "nats-passwords", {PASSWORDS_FILE: as_config(passwords)})
    )


def as_config(passwords: Mapping[str, str]) -> str:
    """Render the passwords of the bus's logins as the server includes them."""
    names = [*Service, *PEOPLE]
    return render_passwords(
        {
            variable: passwords[name]
            for name, variable in zip(names, password_variables(PEOPLE), strict=True)
        }
    )
