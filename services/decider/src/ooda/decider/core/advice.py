"""Why nothing is changed on some components, and what a person can do instead. Pure."""

from ooda.common.targets import PodTarget, Target, WorkloadTarget

_CREATE_ANEW = "mend what made it fail, delete it and create it again"


def advice(component: Target | None) -> str:
    """Return a sentence to follow the reason, with a space before it; empty if there is none."""
    match component:
        case WorkloadTarget(workload_kind="Job", name=name):
            return (
                " The template of a Job cannot be changed once the Job is made, so there is nothing"
                f" to roll back. For Job {name}: {_CREATE_ANEW}."
            )
        case WorkloadTarget(workload_kind="CronJob", name=name):
            return (
                " The template of a Job cannot be changed once the Job is made, so there is nothing"
                f" to roll back. Mend CronJob {name}: its next Job is made from what it says then."
            )
        case PodTarget(name=name):
            return f" No controller would make pod {name} again: {_CREATE_ANEW}."
        case _:
            return ""
