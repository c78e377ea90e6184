"""Writes that the actor's credentials must not get through, each tried on a real API server.

Each is tried twice: with the rights that the actor has, where the table says which ring refuses it
(RBAC or admission), and with every right that RBAC knows, where admission alone has to. The same
request by anybody else is never refused.
"""

import pytest

from servers.asking import ask, patch
from servers.control_plane import ADMIN, MIGHTY
from servers.forbidden_writes import ALL, BEYOND_ADMISSION, GOOD_BACK, WEB, Try
from servers.permissions_yard import Yard
from servers.processes import wait_until

named = pytest.mark.parametrize("tried", ALL, ids=lambda each: each.name)


def test_there_are_more_than_thirty_of_them() -> None:
    assert len({each.name for each in ALL}) == len(ALL) > 30


@pytest.mark.parametrize("tried", ALL + BEYOND_ADMISSION, ids=lambda each: each.name)
def test_with_the_rights_that_it_has_it_is_refused(yard: Yard, tried: Try) -> None:
    answer = ask(yard.plane, yard.actor, tried.make(yard))
    assert answer.refused_by == tried.ring, answer


@named
def test_with_every_right_it_is_refused_by_admission(yard: Yard, tried: Try) -> None:
    answer = ask(yard.plane, MIGHTY, tried.make(yard))
    assert answer.refused_by == "admission", answer


@named
def test_nobody_else_is_refused(yard: Yard, somebody_else: str, tried: Try) -> None:
    answer = ask(yard.plane, somebody_else, tried.make(yard), dry_run=True)
    assert answer.refused_by is None, answer
    assert "ValidatingAdmissionPolicy" not in answer.message


def test_where_nothing_is_known_to_be_good_nothing_is_rolled_back(yard: Yard) -> None:
    namespace = yard.new("auto")
    nothing = {"spec": {"workloads": None, "services": None, "configMaps": None}}
    catalog = yard.at(namespace, "apis/ooda.dev/v1alpha1 knowngoods/catalog")
    assert ask(yard.plane, ADMIN, patch(catalog, nothing)).status == 200
    body = patch(yard.at(namespace, WEB), GOOD_BACK)
    wait_until(lambda: ask(yard.plane, yard.actor, body, dry_run=True).status != 200, "the policy")
    assert ask(yard.plane, yard.actor, body).refused_by == "admission"
