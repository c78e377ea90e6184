import pytest

from factories.events import CHECKOUT, NAMESPACE, request
from ooda.common.phrases import Deed, ended, name_of, planned, requested, sentence, shortened
from ooda.common.plans import DeletePodStep, FieldChange, ObjectRef, PatchStep, ResizeStep
from ooda.common.targets import NodeTarget, PodTarget, ServiceTarget
from ooda.common.taxonomy import ActionKind, Outcome

WORKLOAD = ObjectRef(kind="Deployment", namespace=NAMESPACE, name="checkout", uid="u")
POD = WORKLOAD.model_copy(update={"kind": "Pod", "name": "checkout-1"})
FLAGS = WORKLOAD.model_copy(update={"kind": "ConfigMap", "name": "flags"})
RESIZED = PatchStep(object=WORKLOAD, changes=(FieldChange(path="/spec/replicas", after=2),))
LIMIT = "/spec/template/spec/containers/0/resources/limits/memory"
ROOMIER = PatchStep(object=WORKLOAD, changes=(FieldChange(path=LIMIT, after="96Mi"),))
AT_ONCE = ResizeStep(object=POD, container="app", changes=(FieldChange(path=LIMIT, after="96Mi"),))
ONE = PatchStep(object=WORKLOAD, changes=(FieldChange(path="/spec/replicas", after=1),))


@pytest.mark.parametrize(
    ("deed", "to_do", "doing", "done"),
    [
        (
            planned(ActionKind.ROLL_BACK_WORKLOAD, CHECKOUT, ()),
            "roll Deployment checkout back",
            "rolling back Deployment checkout",
            "Deployment checkout was rolled back",
        ),
        (
            planned(
                ActionKind.ROLL_BACK_SERVICE, ServiceTarget(namespace=NAMESPACE, name="front"), ()
            ),
            "roll Service front back",
            "rolling back Service front",
            "Service front was rolled back",
        ),
        (
            planned(
                ActionKind.ROLL_BACK_CONFIG_MAP, CHECKOUT, (PatchStep(object=FLAGS, changes=()),)
            ),
            "roll ConfigMap flags of Deployment checkout back",
            "rolling back ConfigMap flags of Deployment checkout",
            "ConfigMap flags of Deployment checkout was rolled back",
        ),
        (
            planned(ActionKind.RESTART_POD, CHECKOUT, (DeletePodStep(object=POD),)),
            "restart pod checkout-1 of Deployment checkout",
            "restarting pod checkout-1 of Deployment checkout",
            "pod checkout-1 of Deployment checkout was restarted",
        ),
        (
            planned(ActionKind.SCALE_TO_KNOWN_GOOD, CHECKOUT, (RESIZED,)),
            "scale Deployment checkout to 2 replicas",
            "scaling Deployment checkout to 2 replicas",
            "Deployment checkout was scaled to 2 replicas",
        ),
        (
            planned(ActionKind.RAISE_MEMORY_LIMIT, CHECKOUT, (ROOMIER,)),
            "raise the memory limit of Deployment checkout to 96Mi",
            "raising the memory limit of Deployment checkout to 96Mi",
            "the memory limit of Deployment checkout was raised to 96Mi",
        ),
        (
            planned(ActionKind.RAISE_MEMORY_LIMIT, CHECKOUT, (AT_ONCE,)),
            "raise the memory limit of Deployment checkout to 96Mi in place",
            "raising the memory limit of Deployment checkout to 96Mi in place",
            "the memory limit of Deployment checkout was raised to 96Mi in place",
        ),
        (
            planned(ActionKind.CORDON_NODE, NodeTarget(name="n"), ()),
            "cordon node n",
            "cordoning node n",
            "node n was cordoned",
        ),
    ],
)
def test_every_action_has_its_phrases(deed: Deed, to_do: str, doing: str, done: str) -> None:
    assert (deed.to_do(), deed.doing(), deed.done()) == (to_do, doing, done)


@pytest.mark.parametrize(
    ("deed", "to_do"),
    [
        (
            planned(ActionKind.SCALE_TO_KNOWN_GOOD, CHECKOUT, (ONE,)),
            "scale Deployment checkout to 1 replica",
        ),
        (
            requested(request(action=ActionKind.SCALE_TO_KNOWN_GOOD)),
            "scale Deployment checkout to its known good replicas",
        ),
        (
            requested(request(action=ActionKind.RESTART_POD, parameters={"pod": "p"})),
            "restart pod p of Deployment checkout",
        ),
        (
            requested(
                request(action=ActionKind.ROLL_BACK_CONFIG_MAP, parameters={"config_map": "flags"})
            ),
            "roll ConfigMap flags of Deployment checkout back",
        ),
        (
            requested(request(action=ActionKind.RAISE_MEMORY_LIMIT)),
            "raise the memory limit of Deployment checkout",
        ),
        (
            planned(ActionKind.RESTART_POD, CHECKOUT, ()),
            "restart a pod of Deployment checkout",
        ),
    ],
)
def test_what_is_not_known_is_left_open(deed: Deed, to_do: str) -> None:
    assert deed.to_do() == to_do


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_phrase(outcome: Outcome) -> None:
    said = ended("rolling back x", outcome)
    assert said.startswith("Rolling back x ")
    assert said.endswith(f"({outcome})")


def test_names_leave_out_the_namespace() -> None:
    assert name_of(CHECKOUT) == "Deployment checkout"
    assert name_of(PodTarget(namespace=NAMESPACE, name="p")) == "pod p"
    assert name_of(NodeTarget(name="n")) == "node n"


def test_a_sentence_keeps_its_other_letters_and_its_length_has_a_limit() -> None:
    assert sentence("pod A of B") == "Pod A of B"
    assert sentence("") == ""
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abcd", 4) == "abcd"
