"""A list of runs in a file. Pure; text in, runs out, each with a name of its own."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ooda.cli.following import Wanted

_UNITS = {"s": 1.0, "m": 60.0}


class BatchError(ValueError):
    """A file is no list of runs; the message names the field."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BatchRun(_Part):
    """One run of the list, or several of the same."""

    scenario: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,40}$")]
    target: Annotated[str, Field(min_length=1)]
    namespace: str | None = None
    """That of the file if there is none."""
    duration: str | None = None
    intensity: str | None = None
    parameters: Mapping[str, str] = {}
    repeat: Annotated[int, Field(ge=1, le=1000)] = 1


class Batch(_Part):
    """The file."""

    namespace: str | None = None
    duration: str | None = None
    """As ``90s`` or ``2m``."""
    settle: str = "2m"
    """How long a target may take to be well again before a run, after the one before."""
    runs: Annotated[tuple[BatchRun, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="before")
    @classmethod
    def _plain_values(cls, data: Any) -> Any:
        """Take ``16`` for ``"16"``: in YAML a number needs no quotes."""
        if not isinstance(data, Mapping) or not isinstance(data.get("runs"), Sequence):
            return data
        return {**data, "runs": [_as_text(each) for each in data["runs"]]}


class Named(_Part):
    """A run with the name that its result is kept under."""

    name: str
    wanted: Wanted


def seconds_of(text: str) -> float:
    """Return the seconds of ``90s`` or ``2m``. Raises ValueError."""
    number, unit = text[:-1], _UNITS.get(text[-1:])
    try:
        if unit is not None:
            return float(number) * unit
    except ValueError:
        pass
    raise ValueError(f"{text!r} is no duration: say 90s or 2m")


def parse_batch(text: str) -> tuple[Batch, Sequence[Named]]:
    """Read a file, and name its runs by their place in it. Raises BatchError."""
    try:
        batch = Batch.model_validate(yaml.safe_load(text))
        seconds_of(batch.settle)
    except yaml.YAMLError as error:
        raise BatchError(f"it is not YAML: {error}") from error
    except ValidationError as error:
        wrong = (
            f"{'.'.join(str(part) for part in each['loc']) or 'the file'}: {each['msg']}"
            for each in error.errors(include_url=False)
        )
        raise BatchError("; ".join(wrong)) from error
    except ValueError as error:
        raise BatchError(f"settle: {error}") from error
    every = [each for each in batch.runs for _ in range(each.repeat)]
    return batch, [_named(batch, place, each) for place, each in enumerate(every, start=1)]


def _named(batch: Batch, place: int, each: BatchRun) -> Named:
    where = f"run {place} ({each.scenario})"
    namespace, duration = each.namespace or batch.namespace, each.duration or batch.duration
    if namespace is None or duration is None:
        missing = "namespace" if namespace is None else "duration"
        raise BatchError(f"{where}: there is no {missing}, neither here nor for all")
    try:
        seconds = seconds_of(duration)
    except ValueError as error:
        raise BatchError(f"{where}: duration: {error}") from error
    wanted = Wanted(
        scenario=each.scenario,
        target=each.target,
        namespace=namespace,
        seconds=seconds,
        intensity=each.intensity,
        parameters=each.parameters,
    )
    return Named(name=f"{place:03}-{each.scenario}", wanted=wanted)


def _as_text(run: Any) -> Any:
    if not isinstance(run, Mapping):
        return run
    found = dict(run)
    if isinstance(found.get("intensity"), int | float):
        found["intensity"] = str(found["intensity"])
    if isinstance(found.get("parameters"), Mapping):
        found["parameters"] = {
            key: str(each) if isinstance(each, int | float) else each
            for key, each in found["parameters"].items()
        }
    return found
