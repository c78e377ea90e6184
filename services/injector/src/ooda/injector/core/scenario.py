"""A scenario: what can be broken, as data. Pure; text in, typed scenarios out."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from ooda.common.fault_probes import PodSign
from ooda.common.node_means import DnsName
from ooda.common.taxonomy import ActionKind, FailureClass

MAX_SECONDS = 1800.0
"""No scenario may allow a fault to last longer; half an hour is what Chaos Mesh's users ask for
most, and longer ones are several runs."""


class ScenarioError(ValueError):
    """A scenario, or a parameter of one, cannot be used; the message names the field."""


class Mechanism(StrEnum):
    """How it is broken: each has one class in ``ooda.injector.faults``."""

    IMAGE = "image"
    COMMAND = "command"
    MEMORY_LIMIT = "memory_limit"
    READINESS_PORT = "readiness_port"
    NODE_SELECTOR = "node_selector"
    CONFIG_KEY = "config_key"
    SERVICE_PORT = "service_port"
    REPLICAS = "replicas"
    POD_KILL = "pod_kill"
    CPU_LIMIT = "cpu_limit"
    CREDENTIAL = "credential"
    NETWORK_POLICY = "network_policy"
    ROLE_RULES = "role_rules"
    QUOTA = "quota"
    PACKET_LOSS = "packet_loss"
    LATENCY = "latency"
    CUT = "cut"
    LOOKUPS = "lookups"
    UNANSWERED_CALLS = "unanswered_calls"
    CLOCK = "clock"
    CRASHES = "crashes"
    FULL_VOLUME = "full_volume"
    LEAK = "leak"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class IntegerParameter(_Part):
    """A whole number within bounds."""

    type: Literal["integer"]
    about: str
    unit: str = ""
    default: int | None = None
    minimum: int
    maximum: int

    @model_validator(mode="after")
    def _default_within(self) -> "IntegerParameter":
        if self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        if self.default is not None and not self.minimum <= self.default <= self.maximum:
            raise ValueError("default is outside of minimum and maximum")
        return self

    def read(self, text: str) -> str:
        """Return the value as it is kept. Raises ValueError."""
        value = int(text.removesuffix(self.unit) if self.unit else text)
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} and {self.maximum} {self.unit}")
        return str(value)


class NameParameter(_Part):
    """A name, such as that of another workload, or a tag: letters, digits, ``.``, ``_``, ``-``."""

    type: Literal["name"]
    about: str
    default: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$")] | None = None
    """An empty one means that it may be left out, and what ``about`` says is then so."""

    def read(self, text: str) -> str:
        """Return the value as it is kept. Raises ValueError."""
        if not text[:1].isalnum() or len(text) > 63 or not set(text) <= _OF_A_NAME:  # noqa: PLR2004 - the API server's own limit of a label
            raise ValueError(f"{text!r} is not a name")
        return text


class ChoiceParameter(_Part):
    """One of some words."""

    type: Literal["choice"]
    about: str
    choices: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], ...],
        Field(min_length=1, strict=False),
    ]
    default: str | None = None

    @model_validator(mode="after")
    def _default_among(self) -> "ChoiceParameter":
        if self.default is not None and self.default not in self.choices:
            raise ValueError("default is none of the choices")
        return self

    def read(self, text: str) -> str:
        """Return the value as it is kept: in small letters. Raises ValueError."""
        if text.lower() not in self.choices:
            raise ValueError(f"{text!r} is not one of {', '.join(self.choices)}")
        return text.lower()


class DnsNameParameter(_Part):
    """A name as DNS has it, whole or only the first labels of one."""

    type: Literal["dns_name"]
    about: str
    default: Literal[""] | None = None
    """An empty one means that it may be left out, and what ``about`` says is then so."""

    def read(self, text: str) -> str:
        """Return the value as it is kept: in small letters, no last dot. Raises ValueError."""
        name = text.removesuffix(".").lower()
        try:
            return _DNS_NAME.validate_python(name)
        except ValidationError as error:
            raise ValueError(f"{text!r} is not a name of DNS") from error


_DNS_NAME: Final = TypeAdapter[str](DnsName)
_OF_A_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")

Parameter = Annotated[
    IntegerParameter | NameParameter | ChoiceParameter | DnsNameParameter,
    Field(discriminator="type"),
]


class Truth(_Part):
    """What is wrong while it bites, and which remediations are right; of none, a person is."""

    failure_class: Annotated[FailureClass, Field(strict=False)]
    component: Literal["workload", "service", "service_account"]
    accepted: Annotated[tuple[Annotated[ActionKind, Field(strict=False)], ...], Field(strict=False)]


class _Seen(_Part):
    """How the fault is seen to bite."""

    within_seconds: Annotated[float, Field(gt=0, le=300, strict=False)]
    """From when everything is changed. Not seen until then, the run has failed."""
    hold_seconds: Annotated[float, Field(ge=0, le=60, strict=False)] = 0.0
    """How long it has to be seen without a break: a healthy rollout may show it for a moment."""


class PodsEffect(_Seen):
    """By one of the target's pods."""

    probe: Literal["pods"]
    sign: Annotated[PodSign, Field(strict=False)]
    reasons: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _waits_for_something(self) -> "PodsEffect":
        if self.sign is PodSign.WAITING and not self.reasons:
            raise ValueError("a container that waits needs reasons")
        return self


class CpuEffect(_Seen):
    """By what the kubelet says that the target's containers may use."""

    probe: Literal["cpu"]


class ReplicasEffect(_Seen):
    """By what the status of the target says."""

    probe: Literal["replicas"]
    sign: Literal["short", "refused"]


class EndpointsEffect(_Seen):
    """By a connection to where the Service leads that the fault changes."""

    probe: Literal["endpoints"]


class AccessEffect(_Seen):
    """By what the target's service account is allowed."""

    probe: Literal["access"]


class LoginEffect(_Seen):
    """By a login with the old password."""

    probe: Literal["login"]


class NodeEffect(_Seen):
    """By what fault-agent sees from within pods' networks, or has in force in containers."""

    probe: Literal["node"]


EffectProbe = Annotated[
    PodsEffect
    | CpuEffect
    | ReplicasEffect
    | EndpointsEffect
    | AccessEffect
    | LoginEffect
    | NodeEffect,
    Field(discriminator="probe"),
]


class Bystander(_Part):
    """Who else must not be hit, and how that is seen."""

    probe: Literal["workloads"] = "workloads"
    """Every other workload of the namespace keeps its replicas ready."""
    hold_seconds: Annotated[float, Field(ge=0, le=60, strict=False)] = 5.0
    """How long one has to be short of replicas: a pod may be replaced for reasons of its own."""


class Scenario(_Part):
    """One file of ``scenarios/``."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,40}$")]
    title: str
    changes: str
    """What will be changed, in a sentence."""
    undo: str
    """How that is taken back, in a sentence."""
    mechanism: Annotated[Mechanism, Field(strict=False)]
    parameters: Mapping[str, Parameter] = {}
    intensity: str | None = None
    """The parameter that ``--intensity`` sets."""
    max_seconds: Annotated[float, Field(gt=0, le=MAX_SECONDS, strict=False)]
    recovery_seconds: Annotated[float, Field(gt=0, le=900, strict=False)]
    autoscaler_contests: bool = False
    """Whether a HorizontalPodAutoscaler would change it back."""
    shared: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """What it touches outside of the namespace: one run at a time for each."""
    effect: EffectProbe
    bystander: Bystander = Bystander()
    truth: Truth

    @model_validator(mode="after")
    def _intensity_is_a_parameter(self) -> "Scenario":
        if self.intensity is not None and self.intensity not in self.parameters:
            raise ValueError(f"intensity: there is no parameter {self.intensity!r}")
        return self


def parse_scenario(name: str, text: str) -> Scenario:
    """Read the file of one scenario, which has its id as its name. Raises ScenarioError."""
    try:
        data: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(f"scenario {name} is not YAML: {error}") from error
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        wrong = (
            f"{'.'.join(str(part) for part in each['loc']) or 'the file'}: {each['msg']}"
            for each in error.errors(include_url=False)
        )
        raise ScenarioError(f"scenario {name} is not valid: {'; '.join(wrong)}") from error
    if scenario.id != name:
        raise ScenarioError(f"scenario {name} calls itself {scenario.id}")
    return scenario


def settle_parameters(
    scenario: Scenario, given: Mapping[str, str], intensity: str | None
) -> Mapping[str, str]:
    """Return a value for each parameter: as given, or by default. Raises ScenarioError."""
    wanted = dict(given)
    if intensity is not None:
        if scenario.intensity is None:
            raise ScenarioError(f"{scenario.id} has no intensity")
        if wanted.setdefault(scenario.intensity, intensity) != intensity:
            raise ScenarioError(
                f"intensity and parameter {scenario.intensity} contradict each other"
            )
    unknown = sorted(wanted.keys() - scenario.parameters.keys())
    if unknown:
        raise ScenarioError(f"{scenario.id} has no parameter {', '.join(unknown)}")
    return {
        name: _settle(scenario, name, each, wanted.get(name))
        for name, each in scenario.parameters.items()
    }


def _settle(scenario: Scenario, name: str, parameter: Parameter, given: str | None) -> str:
    if given is None:
        if parameter.default is None:
            raise ScenarioError(f"{scenario.id} needs parameter {name}: {parameter.about}")
        return str(parameter.default)
    try:
        return parameter.read(given)
    except ValueError as error:
        raise ScenarioError(f"parameter {name}: {error}") from error
