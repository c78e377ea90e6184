"""The actor's policies: about nobody else, and about the right account wherever it is."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ooda.common.modes import SYSTEM_NAMESPACES
from servers.kubectl import kustomize

ROOT = Path(__file__).parents[3]
Objects = list[dict[str, Any]]
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"


def of_kind(objects: Objects, kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == kind}


def test_every_policy_is_about_the_actor_and_is_bound(agent: Objects) -> None:
    policies, bindings = of_kind(agent, POLICY), of_kind(agent, BINDING)
    assert len(policies) == 6
    assert {name: each["policyName"] for name, each in bindings.items()} == {
        name: name for name in policies
    }
    account = "system:serviceaccount:ooda-system:actor"
    for each in policies.values():
        assert each["matchConditions"] == [
            {"name": "the-actor", "expression": f"request.userInfo.username == '{account}'"}
        ]
    for each in bindings.values():
        assert each["validationActions"] == ["Deny"]


def test_what_needs_another_object_never_refuses_for_the_lack_of_it(agent: Objects) -> None:
    bindings = of_kind(agent, BINDING)
    for name, each in of_kind(agent, POLICY).items():
        needs = "paramKind" in each
        assert each["failurePolicy"] == ("Ignore" if needs else "Fail"), name
        if needs:
            assert bindings[name]["paramRef"]["parameterNotFoundAction"] == "Allow"


def test_what_the_code_never_acts_in_the_policy_never_lets_it_into(agent: Objects) -> None:
    said = str(of_kind(agent, POLICY)["ooda-actor-reach"]["validations"])
    assert all(f"'{each}'" in said for each in SYSTEM_NAMESPACES - {"ooda-system"})
    assert "variables.own" in said


@pytest.fixture
def elsewhere(tmp_path: Path) -> Objects:
    """The agent in another namespace, as docs/permissions.md says to have it there."""
    page = (ROOT / "docs/permissions.md").read_text()
    snippet = page.partition("```yaml\n")[2].partition("```")[0]
    head = {"namespace": "sre", "resources": [os.path.relpath(ROOT / "k8s/base/agent", tmp_path)]}
    overlay = tmp_path / "kustomization.yaml"
    overlay.write_text(yaml.safe_dump(head | yaml.safe_load(snippet)))
    return kustomize(tmp_path)


def test_in_another_namespace_they_are_about_the_actor_there(elsewhere: Objects) -> None:
    said = {
        each["matchConditions"][0]["expression"] for each in of_kind(elsewhere, POLICY).values()
    }
    assert said == {"request.userInfo.username == 'system:serviceaccount:sre:actor'"}
