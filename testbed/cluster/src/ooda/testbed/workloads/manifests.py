"""What the set-up changes of rendered manifests before it applies them. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ooda.testbed.images.keys import key_of

Object = dict[str, Any]

SECRETS_DIGEST = "ooda.dev/secrets"
"""Annotation on pods: they are replaced when the Secrets that they read have changed."""


def with_images(objects: Iterable[Object], images: Mapping[str, str]) -> list[Object]:
    """Put images by the names they really have in the place of those that are written."""
    return [_mapped_pod(each, lambda pod: _pod_with_images(pod, images)) for each in objects]


def with_secrets_digest(
    objects: Iterable[Object], secrets: Mapping[str, Mapping[str, str]]
) -> list[Object]:
    """Annotate every pod template with the digest of the Secrets that it names."""
    return [_mapped_template(each, lambda t: _annotated(t, secrets)) for each in objects]


def jobs_by_content(objects: Iterable[Object]) -> list[Object]:
    """Name each Job by its content: a Job cannot be changed, and one that is done stays done."""
    return [_named_by_content(each) if each["kind"] == "Job" else each for each in objects]


def names_of(kind: str, objects: Iterable[Object]) -> list[str]:
    """Return the names of the objects of a kind."""
    return [each["metadata"]["name"] for each in objects if each["kind"] == kind]


def _mapped_template(each: Object, change: Callable[[Object], Object]) -> Object:
    spec = each.get("spec", {})
    if "template" not in spec:
        return each
    return {**each, "spec": {**spec, "template": change(spec["template"])}}


def _mapped_pod(each: Object, change: Callable[[Object], Object]) -> Object:
    if each["kind"] == "CronJob":
        job = _mapped_pod({"kind": "Job", **each["spec"]["jobTemplate"]}, change)
        job.pop("kind")
        return {**each, "spec": {**each["spec"], "jobTemplate": job}}
    return _mapped_template(each, lambda t: {**t, "spec": change(t["spec"])})


def _pod_with_images(pod: Object, images: Mapping[str, str]) -> Object:
    return {
        **pod,
        **{
            key: [{**c, "image": images.get(c["image"], c["image"])} for c in pod[key]]
            for key in ("initContainers", "containers")
            if key in pod
        },
    }


def _annotated(template: Object, secrets: Mapping[str, Mapping[str, str]]) -> Object:
    named = sorted(set(_secrets_named(template)))
    if not named:
        return template
    digest = key_of(*((name, sorted(secrets.get(name, {}).items())) for name in named))
    metadata = template.get("metadata", {})
    annotations = {**metadata.get("annotations", {}), SECRETS_DIGEST: digest}
    return {**template, "metadata": {**metadata, "annotations": annotations}}


def _secrets_named(part: Any) -> Iterator[str]:
    """Names of Secrets anywhere in a pod: of variables, of projected volumes, of volumes."""
    match part:
        case {"secretKeyRef": {"name": str(name)}}:
            yield name
        case {"secret": {"name": str(name)} | {"secretName": str(name)}}:
            yield name
        case dict():
            for each in part.values():
                yield from _secrets_named(each)
        case list():
            for each in part:
                yield from _secrets_named(each)
        case _:
            pass


def _named_by_content(job: Object) -> Object:
    metadata = job["metadata"]
    return {**job, "metadata": {**metadata, "name": f"{metadata['name']}-{key_of(job)[:10]}"}}
