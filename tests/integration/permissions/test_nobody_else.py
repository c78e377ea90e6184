"""Whatever is missing, nobody but the actor is ever stopped by the actor's policies."""

import json
import time
from collections.abc import Iterator

import pytest
import yaml

from servers.agent_rights import ADMISSION
from servers.asking import Request, ask, patch
from servers.control_plane import ADMIN, MIGHTY
from servers.permissions_yard import Yard, marked

SETTLED = 3.0
"""Seconds in which a policy takes effect: at most about one was measured."""
WEB = "apis/apps/v1 deployments/web"


def test_where_there_is_no_catalogue(yard: Yard, somebody_else: str) -> None:
    namespace = yard.new("auto")
    yard.plane.kubectl("-n", namespace, "delete", "knowngood", "catalog")
    for image in ("example/web:3", "example/web:4"):
        body = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]
        answer = ask(yard.plane, somebody_else, patch(yard.at(namespace, WEB), body))
        assert answer.status == 200, answer


def test_what_needs_no_catalogue_is_refused_without_one_too(yard: Yard) -> None:
    namespace = yard.new("auto")
    yard.plane.kubectl("-n", namespace, "delete", "knowngood", "catalog")
    answer = ask(
        yard.plane, MIGHTY, patch(yard.at(namespace, WEB), marked({"spec": {"paused": True}}))
    )
    assert answer.refused_by == "admission", answer


@pytest.fixture
def without_its_definition(yard: Yard) -> Iterator[str]:
    """The policy on the catalogue, of a kind that no CustomResourceDefinition has defined."""
    written = yaml.safe_load_all((ADMISSION / "known-good.yaml").read_text())
    policy, binding = (dict(each) for each in written)
    policy["spec"]["paramKind"]["kind"] = "NeverDefined"
    policy["metadata"]["name"] = binding["metadata"]["name"] = "ooda-a-copy"
    binding["spec"]["policyName"] = "ooda-a-copy"
    for each in (policy, binding):
        yard.plane.kubectl("apply", "-f", "-", stdin=json.dumps(each))
    yield yard.new("auto")
    yard.plane.kubectl("delete", "validatingadmissionpolicybinding", "ooda-a-copy")
    yard.plane.kubectl("delete", "validatingadmissionpolicy", "ooda-a-copy")


def test_where_the_catalogue_is_not_even_defined(yard: Yard, without_its_definition: str) -> None:
    end = time.monotonic() + SETTLED
    while time.monotonic() < end:  # it would be refused from some moment on
        change = patch(yard.at(without_its_definition, WEB), {"spec": {"paused": True}})
        answer = ask(yard.plane, ADMIN, change, dry_run=True)
        assert answer.status == 200, answer


def test_an_account_of_the_same_name_elsewhere_may_delete_a_bare_pod(
    yard: Yard, somebody_else: str
) -> None:
    namespace = yard.new("observe")
    gone = Request("DELETE", yard.at(namespace, "api/v1 pods/bare"))
    assert ask(yard.plane, somebody_else, gone).status == 200
