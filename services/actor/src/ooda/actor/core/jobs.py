"""The Job that runs a CronJob once. Pure."""

from typing import Any

from ooda.actor.core.patches import mark_of
from ooda.actor.core.pointers import value_at
from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.plans import ACTION_ANNOTATION, CreateJobStep


def job_of(step: CreateJobStep, cron_job: Object, action_id: str) -> dict[str, Any]:
    """Return the Job's body: the CronJob's template, owned by it, as ``kubectl create job --from``.

    Raises ValueError if the CronJob is another one than was planned with.
    """
    if value_at(cron_job, "/metadata/uid") != step.cron_job.uid:
        raise ValueError(f"{step.cron_job} was replaced by another one of the same name")
    template = value_at(cron_job, "/spec/jobTemplate")
    metadata = value_at(template, "/metadata") or {}
    return {
        "apiVersion": Kind.JOB.api_version,
        "kind": Kind.JOB.value,
        "metadata": {
            "name": step.name,
            "namespace": step.cron_job.namespace,
            "labels": dict(metadata.get("labels") or {}),
            "annotations": {
                **(metadata.get("annotations") or {}),
                "cronjob.kubernetes.io/instantiate": "manual",
                ACTION_ANNOTATION: mark_of(action_id),
            },
            "ownerReferences": [
                {
                    "apiVersion": Kind.CRON_JOB.api_version,
                    "kind": Kind.CRON_JOB.value,
                    "name": step.cron_job.name,
                    "uid": step.cron_job.uid,
                }
            ],
        },
        "spec": value_at(template, "/spec"),
    }
