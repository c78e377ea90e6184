import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fakes.programs import Programs
from ooda.common.bus.server_config import PASSWORDS_FILE
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.workloads.logins import (
    DATABASE_LOGINS,
    NATS_LOGINS,
    NATS_PEOPLE,
    Login,
    ensure_nats_passwords,
    ensure_passwords,
)
from ooda.testbed.workloads.platform import database_login

LOGINS = (
    Login("actor", "nats-actor"),
    Login("cli", "people", "cli"),
    Login("eve", "people", "eve"),
)


def secret(name: str, **values: str) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"metadata": {"name": name}, "data": data}


@pytest.fixture
def kubectl(programs: Programs, tmp_path: Path) -> Kubectl:
    return Kubectl(programs.folder / "kubectl", tmp_path / "kubeconfig")


@pytest.fixture
def applied(programs: Programs, tmp_path: Path) -> Any:
    """Have a cluster with some Secrets; return those that are applied to it."""

    def having(*secrets: dict[str, Any]) -> Any:
        (tmp_path / "found").write_text(json.dumps({"items": secrets}))
        programs.put(
            "kubectl",
            f"""case "$*" in
            *' get '*) /bin/cat {tmp_path}/found;;
            *) /bin/cat >> {tmp_path}/applied; echo >> {tmp_path}/applied;;
            esac""",
        )

        def read() -> dict[str, dict[str, str]]:
            path = tmp_path / "applied"
            lists = path.read_text().splitlines() if path.exists() else []
            return {
                each["metadata"]["name"]: {
                    key: base64.b64decode(value).decode() for key, value in each["data"].items()
                }
                for line in lists
                for each in json.loads(line)["items"]
            }

        return read

    return having


def test_every_login_gets_a_password_of_its_own(kubectl: Kubectl, applied: Any) -> None:
    made = applied()
    passwords = ensure_passwords(kubectl, LOGINS)
    assert len(set(passwords.values())) == len(LOGINS)
    assert made() == {
        "nats-actor": {"password": passwords["actor"]},
        "people": {"cli": passwords["cli"], "eve": passwords["eve"]},
    }


def test_what_is_there_is_kept_and_only_what_is_missing_is_made(
    kubectl: Kubectl, applied: Any
) -> None:
    made = applied(secret("nats-actor", password="kept"), secret("people", cli="kept too"))
    passwords = ensure_passwords(kubectl, LOGINS)
    assert (passwords["actor"], passwords["cli"]) == ("kept", "kept too")
    assert made() == {"people": {"cli": "kept too", "eve": passwords["eve"]}}


def test_nothing_is_applied_where_all_is_there(kubectl: Kubectl, applied: Any) -> None:
    made = applied(secret("nats-actor", password="a"), secret("people", cli="b", eve="c"))
    ensure_passwords(kubectl, LOGINS)
    assert made() == {}


def test_a_secret_of_the_one_user_of_before_is_replaced(kubectl: Kubectl, applied: Any) -> None:
    made = applied(secret("people", user="ooda", password="old"))
    passwords = ensure_passwords(kubectl, LOGINS)
    assert made()["people"] == {"cli": passwords["cli"], "eve": passwords["eve"]}


def test_the_server_gets_the_password_of_every_login(kubectl: Kubectl, applied: Any) -> None:
    made = applied()
    ensure_nats_passwords(kubectl)
    lines = made()["nats-passwords"][PASSWORDS_FILE].splitlines()
    assert len(lines) == len(NATS_LOGINS)
    assert f'CLI_PASSWORD: "{made()[NATS_PEOPLE]["cli"]}"' in lines
    assert f'PERSON_OPERATOR_PASSWORD: "{made()[NATS_PEOPLE]["operator"]}"' in lines
    assert f'ACTOR_PASSWORD: "{made()["nats-actor"]["password"]}"' in lines


def test_people_read_the_database_as_its_reader_once_there_is_one() -> None:
    owner = {"postgres-credentials": {"username": "ooda", "password": "o"}}
    assert database_login(owner) == {"user": "ooda", "password": "o"}
    reader = {**owner, "postgres-reader": {"password": "r"}}
    assert database_login(reader) == {"user": "reader", "password": "r"}
    assert "postgres-reader" in {each.secret for each in DATABASE_LOGINS}
