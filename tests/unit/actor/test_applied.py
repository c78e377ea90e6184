from typing import Any

import pytest

from ooda.actor.core.applied import Standing, standing
from ooda.actor.core.jobs import job_of
from ooda.common.plans import (
    CordonStep,
    CreateJobStep,
    DeletePodStep,
    EvictStep,
    FieldChange,
    ObjectRef,
    PatchStep,
    Step,
)

REF = ObjectRef(kind="Deployment", namespace="shop", name="x", uid="u1")
PATCH = PatchStep(object=REF, changes=(FieldChange(path="/spec/replicas", before=1, after=2),))
CORDON = CordonStep(object=REF)
JOB = CreateJobStep(cron_job=REF, name="refresh-1")
APPLIED, NOT_APPLIED, CONFLICT = Standing.APPLIED, Standing.NOT_APPLIED, Standing.CONFLICT


def live(uid: str = "u1", mark: str | None = None, **given: Any) -> dict[str, Any]:
    annotations = {"ooda.dev/action": mark} if mark else {}
    terminating = given.pop("terminating", None)
    return {
        "metadata": {"uid": uid, "annotations": annotations, "deletionTimestamp": terminating},
        "spec": given,
    }


@pytest.mark.parametrize(
    ("step", "found", "expected"),
    [
        (PATCH, live(replicas=1), NOT_APPLIED),
        (PATCH, live(replicas=1, mark="other"), NOT_APPLIED),
        (PATCH, live(replicas=2, mark="id"), APPLIED),
        (PATCH, live(replicas=9, mark="id"), APPLIED),
        (PATCH, live(replicas=1, mark="id.undo"), APPLIED),
        (PATCH, live(replicas=2), CONFLICT),
        (PATCH, live(replicas=2, mark="other"), CONFLICT),
        (PATCH, live("u2", replicas=1), CONFLICT),
        (PATCH, live("u2", mark="id"), CONFLICT),
        (PATCH, None, CONFLICT),
        (CORDON, live(), NOT_APPLIED),
        (CORDON, live(mark="id", unschedulable=True), APPLIED),
        (CORDON, live(unschedulable=True), CONFLICT),
        (CORDON, None, CONFLICT),
        *(
            case
            for kind in (DeletePodStep(object=REF), EvictStep(object=REF))
            for case in (
                (kind, live(), NOT_APPLIED),
                (kind, live(terminating="2026-11-25T12:00:00Z"), APPLIED),
                (kind, live("u2"), APPLIED),
                (kind, None, APPLIED),
            )
        ),
        (JOB, None, NOT_APPLIED),
        (JOB, live("any"), APPLIED),
    ],
)
def test_a_successor_knows(step: Step, found: Any, expected: Standing) -> None:
    assert standing(step, found, "id") is expected


CRON_JOB = {
    "metadata": {"uid": "u1"},
    "spec": {"jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {}}}},
}


def test_a_job_is_the_cron_jobs_own() -> None:
    job = job_of(JOB, CRON_JOB, "id")
    assert job["metadata"]["name"] == "refresh-1"
    assert job["metadata"]["labels"] == {"a": "b"}
    assert job["metadata"]["annotations"]["ooda.dev/action"] == "id"
    assert job["metadata"]["ownerReferences"][0]["uid"] == "u1"
    assert job["spec"] == {"template": {}}


def test_no_job_is_made_of_another_cron_job() -> None:
    with pytest.raises(ValueError, match="replaced"):
        job_of(JOB, CRON_JOB | {"metadata": {"uid": "u2"}}, "id")
