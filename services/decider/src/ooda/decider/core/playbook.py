"""The playbook: what may be done about each failure class. Pure; text in, typed rows out."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ooda.common.plans import Verification
from ooda.common.taxonomy import ActionKind, FailureClass, Risk


class PlaybookError(ValueError):
    """The playbook cannot be used; the message names each row and field that is wrong."""


class Condition(StrEnum):
    """What has to be true for a step to be taken."""

    BEGAN_WITH_CHANGE = "began_with_change"
    KNOWN_GOOD_EXISTS = "known_good_exists"
    """The blamed change is one of the template, and the newest known good one is another."""
    CONFIG_MAP_KNOWN_GOOD = "config_map_known_good"
    """The blamed change is one of a single ConfigMap, and its known good content is another."""
    SERVICE_KNOWN_GOOD = "service_known_good"
    """The Service leads elsewhere than its newest known good content does."""
    BELOW_KNOWN_GOOD = "below_known_good"
    """The workload asks for fewer replicas than when it was last healthy."""
    POD_NAMED = "pod_named"
    MEMORY_LIMITED = "memory_limited"
    """A container of the workload has a memory limit, which can be raised."""
    NODE_SCHEDULABLE = "node_schedulable"
    """The node is there, and new pods may still be put on it."""
    OTHER_NODES_READY = "other_nodes_ready"
    """Without it at least half of all nodes are ready and take pods."""
    CONTROLLER_REPLACES = "controller_replaces"
    """A controller runs at least one replica: it starts another for a pod that is lost."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Judged(_Part):
    """How an action is verified; both times in seconds.

    What only contains a failure is not asked whether the symptom is gone, and only a workload
    whether it is ready.
    """

    symptom_gone: bool = True
    workload_ready: bool = True
    hold_seconds: Annotated[float, Field(ge=0)]
    deadline_seconds: Annotated[float, Field(gt=0)]

    def verification(self) -> Verification:
        """Return it as the actor is told."""
        return Verification(**self.model_dump())


class ActStep(_Part):
    """An action, the conditions that it needs, and what it may cost."""

    action: ActionKind
    when: tuple[Condition, ...] = ()
    risk: Risk
    verification: _Judged


class StandDownStep(_Part):
    """Do nothing for a time: it is expected to mend itself."""

    stand_down_seconds: Annotated[float, Field(gt=0)]
    when: tuple[Condition, ...] = ()


class Row(_Part):
    """The steps of one failure class, in order, and what is done when none applies."""

    steps: tuple[ActStep | StandDownStep, ...] = ()
    ends: Literal["review"]


Playbook = Mapping[FailureClass, Row]

_ROWS: TypeAdapter[dict[FailureClass, Row]] = TypeAdapter(dict[FailureClass, Row])


def parse_playbook(text: str) -> Playbook:
    """Read a playbook that has a row for every failure class. Raises PlaybookError."""
    try:
        data: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PlaybookError(f"the playbook is not YAML: {error}") from error
    try:
        rows = _ROWS.validate_python(data)
    except ValidationError as error:
        raise PlaybookError(_explain(error)) from error
    missing = [str(each) for each in FailureClass if each not in rows]
    if missing:
        raise PlaybookError(f"the playbook has no row for {', '.join(missing)}")
    return rows


def held_for(playbook: Playbook, seconds: float) -> Playbook:
    """Return the playbook with every action's hold time replaced; a test cluster waits less."""
    return {failure: _held(row, seconds) for failure, row in playbook.items()}


def _held(row: Row, seconds: float) -> Row:
    steps = tuple(
        each.model_copy(
            update={"verification": each.verification.model_copy(update={"hold_seconds": seconds})}
        )
        if isinstance(each, ActStep)
        else each
        for each in row.steps
    )
    return row.model_copy(update={"steps": steps})


def _explain(error: ValidationError) -> str:
    wrong = []
    for each in error.errors(include_url=False):
        where = [str(part) for part in each["loc"] if part != "[key]"]
        row, field = (where[0], ".".join(where[1:]) or "the row") if where else ("all", "the file")
        wrong.append(f"row {row}, {field}: {each['msg']}")
    return "the playbook is not valid: " + "; ".join(wrong)
