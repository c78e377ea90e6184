"""How a diagnosis came about, for a person: what each finding said, and how the votes fell."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from ooda.common.events import DiagnosisReady
from ooda.common.findings import Change, Consultation, Finding, Hypothesis

_EXCERPT = 600
"""Characters of what a tool saw; `--output json` has it whole."""


def explained(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines behind a `diagnosis.ready`."""
    try:
        told = DiagnosisReady.model_validate(body)
    except ValidationError as error:
        yield f"cannot be explained: {error.error_count()} of its fields are not known here"
        return
    yield "findings, each for (+) or against (-) a class; 3 is near proof:"
    for finding in told.findings:
        yield from _finding(finding)
    yield "hypotheses, scored by the sum of what each family of findings says:"
    for hypothesis in told.hypotheses:
        yield from _hypothesis(hypothesis)
    if told.change is not None:
        yield _change(told.change)
    yield f"confidence {told.confidence:.3f}, margin to the next action {told.margin:.3f}"
    if told.consultation is not None:
        yield from _consultation(told.consultation)


def _finding(finding: Finding) -> Iterator[str]:
    yield f"  {finding.tool} [{finding.family}] on {finding.target}"
    if finding.outcome == "evidence":
        votes = [f"{name} {value:+.1f}" for name, value in finding.implies.items()]
        if finding.healthy:
            votes.append(f"healthy {finding.healthy:+.1f}")
        yield f"    says {', '.join(votes) or 'nothing of any class'}"
    else:
        yield f"    says {finding.outcome}"
    yield from (f"    | {line}" for line in finding.excerpt[:_EXCERPT].splitlines() if line)


def _hypothesis(each: Hypothesis) -> Iterator[str]:
    where = f" of {each.component}" if each.component else ""
    yield f"  {each.probability:.3f} {each.failure_class}{where}, score {each.score:+.2f}"
    for word, families in (
        ("agreeing", each.agreeing),
        ("contradicting", each.contradicting),
        ("silent", each.silent),
    ):
        if families:
            yield f"    {word}: {', '.join(families)}"
    if each.unexplained:
        yield f"    open anomalies that it leaves unexplained: {len(each.unexplained)}"


def _change(change: Change) -> str:
    fields = ", ".join(change.fields) or "fields that are not known"
    good = "a known good state" if change.known_good else "nothing"
    return f"blamed change: {fields} at {change.changed_at}; {good} to go back to is recorded"


def _consultation(said: Consultation) -> Iterator[str]:
    yield consulted(said.model_dump())
    for turn in said.turns:
        yield f"  {turn.speaker}:"
        yield from (f"    | {line}" for line in turn.text.splitlines() if line)


def consulted(said: Mapping[str, Any]) -> str:
    """Return how a model was asked and how that ended, in one line."""
    tokens = said["input_tokens"] + said["output_tokens"]
    asked = f"{said['calls']} calls, {tokens} tokens, {said['seconds']:.1f} s"
    return f"model {said['model']} {said['ending']}: {said['reason']} ({asked})"
