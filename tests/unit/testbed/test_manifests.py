"""What the set-up changes of manifests before it applies them."""

from typing import Any

import pytest

from ooda.testbed.workloads.agent import agent_objects
from ooda.testbed.workloads.manifests import (
    SECRETS_DIGEST,
    jobs_by_content,
    names_of,
    with_images,
    with_secrets_digest,
)

Object = dict[str, Any]


def workload(kind: str = "Deployment", **pod: Any) -> Object:
    return {
        "kind": kind,
        "metadata": {"name": "some"},
        "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": pod}},
    }


def reading(secret: str) -> Object:
    variable = {"name": "X", "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}}
    return workload(containers=[{"image": "i", "env": [variable]}])


def digest(each: Object) -> str | None:
    annotations: dict[str, str] = each["spec"]["template"]["metadata"].get("annotations", {})
    return annotations.get(SECRETS_DIGEST)


def test_images_are_put_in_the_place_of_those_that_are_written() -> None:
    written = workload(
        initContainers=[{"image": "ooda:dev"}],
        containers=[{"image": "ooda:dev"}, {"image": "ooda:dev-2"}, {"image": "nats:2"}],
    )
    (made,) = with_images([written], {"ooda:dev": "ooda:key"})
    pod = made["spec"]["template"]["spec"]
    assert [each["image"] for each in pod["initContainers"]] == ["ooda:key"]
    assert [each["image"] for each in pod["containers"]] == ["ooda:key", "ooda:dev-2", "nats:2"]


def test_images_of_jobs_to_come_are_replaced_too() -> None:
    job = {"spec": {"template": {"spec": {"containers": [{"image": "ooda:dev"}]}}}}
    written = {"kind": "CronJob", "metadata": {"name": "c"}, "spec": {"jobTemplate": job}}
    (made,) = with_images([written], {"ooda:dev": "ooda:key"})
    job["spec"]["template"]["spec"]["containers"] = [{"image": "ooda:key"}]
    assert made == {**written, "spec": {"jobTemplate": job}}


def test_what_has_no_pods_stays_as_it_is() -> None:
    service: Object = {"kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": []}}
    assert agent_objects([service], "ooda:key", {}) == [service]


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(reading("nats-actor")["spec"]["template"]["spec"], id="variable"),
        pytest.param(
            {"volumes": [{"name": "v", "secret": {"secretName": "nats-actor"}}]}, id="volume"
        ),
        pytest.param(
            {"volumes": [{"projected": {"sources": [{"secret": {"name": "nats-actor"}}]}}]},
            id="projected volume",
        ),
    ],
)
def test_pods_are_replaced_when_a_secret_that_they_read_changes(pod: Object) -> None:
    def made(password: str) -> str | None:
        secrets = {"nats-actor": {"password": password}, "other": {"password": password[::-1]}}
        (each,) = with_secrets_digest([workload(**pod)], secrets)
        return digest(each)

    assert made("one") == made("one")
    assert made("one") != made("two")
    assert made("one") is not None


def test_a_secret_that_a_pod_does_not_read_changes_nothing() -> None:
    before, after = (
        with_secrets_digest([reading("mine")], {"mine": {"a": "b"}, "other": {"a": value}})
        for value in ("x", "y")
    )
    assert before == after


def test_a_pod_without_secrets_gets_no_digest() -> None:
    (made,) = with_secrets_digest([workload(containers=[{"image": "i"}])], {"other": {"a": "b"}})
    assert digest(made) is None


def test_jobs_are_named_by_what_they_are() -> None:
    def name(image: str, kind: str = "Job") -> str:
        return names_of(kind, jobs_by_content([workload(kind, containers=[{"image": image}])]))[0]

    assert name("a") == name("a")
    assert name("a") != name("b")
    assert name("a").startswith("some-")
    assert name("a", "Deployment") == "some"
