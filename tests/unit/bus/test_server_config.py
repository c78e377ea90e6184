"""The permissions, user by user: a change here is a change of what is possible."""

from pathlib import Path

import pytest

from ooda.common.bus.server_config import (
    bytes_of,
    password_variables,
    render_accounts,
    render_passwords,
)
from ooda.common.topology import MIB, Account

SNAPSHOT = Path(__file__).parent / "accounts.conf"


def test_the_permissions_are_the_ones_that_were_reviewed() -> None:
    """Made again by ``ooda-bootstrap accounts --person alice``."""
    assert render_accounts(["alice"]) == SNAPSHOT.read_text()


def test_all_accounts_fit_on_the_server() -> None:
    assert sum(bytes_of(account) for account in Account) <= 900 * MIB


@pytest.mark.parametrize("name", ["", "Alice", "a b", "a.b", "-a", "observer", "cli-people", "*"])
def test_what_cannot_be_a_person(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a person"):
        render_accounts([name])


def test_the_same_person_twice() -> None:
    with pytest.raises(ValueError, match="cannot be a person"):
        render_accounts(["alice", "alice"])


def test_each_variable_is_used_and_each_used_one_is_there() -> None:
    text = render_accounts(["alice", "bob-2"])
    used = {part.split("}")[0].split(",")[0] for part in text.split("password: $")[1:]}
    assert used == set(password_variables(["alice", "bob-2"]))
    assert "PERSON_BOB_2_PASSWORD" in used


@pytest.mark.parametrize(
    "password", ["short", 'with"quotes-inside', "$VARIABLE_OF_IT", "ends here\n"]
)
def test_a_password_that_the_server_could_read_otherwise(password: str) -> None:
    with pytest.raises(ValueError, match="OBSERVER_PASSWORD") as refusal:
        render_passwords({"OBSERVER_PASSWORD": password})
    assert password not in str(refusal.value)


def test_passwords() -> None:
    assert render_passwords({"A": "abcdefghijkl"}) == 'A: "abcdefghijkl"\n'
