"""Several workloads in the namespace of a story: how they are made, broken and looked at."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from servers.paper_kubelet import LABELS
from servers.story import GOOD, Story
from servers.waiting import until

Json = dict[str, Any]


def workload(kind: str, name: str, *, replicas: int = 2, **container: Any) -> Json:
    """Return a workload with one container; a DaemonSet runs on the node of the paper kubelet."""
    labels = {"app": name}
    pods: Json = {"containers": [{"name": "app", "image": GOOD, **container}]}
    template: Json = {"metadata": {"labels": labels}, "spec": pods}
    spec: Json = {"selector": {"matchLabels": labels}, "template": template}
    if kind == "DaemonSet":
        pods["nodeSelector"] = dict(LABELS)
    else:
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def job(name: str, command: str, **given: Any) -> Json:
    """Return a Job of one container; its pods stay where they end."""
    annotations = given.pop("annotations", {})
    pods = {
        "restartPolicy": "Never",
        "containers": [{"name": "app", "image": GOOD, "command": [command]}],
    }
    template = {"metadata": {"annotations": annotations}, "spec": pods}
    spec = {"template": template, **given}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def reads(config_map: str, key: str) -> Json:
    """Return what a container needs to read a key of a ConfigMap."""
    reference = {"configMapKeyRef": {"name": config_map, "key": key}}
    return {"env": [{"name": key.upper(), "valueFrom": reference}]}


class Yard:
    """The objects of a namespace, and what is said about them."""

    def __init__(self, story: Story) -> None:
        self.story = story

    async def make(self, *objects: Json) -> None:
        """Create or change objects."""
        await self._in("apply", "-f", "-", stdin=_listed(objects))

    async def known(self, *names: str) -> None:
        """Wait until workloads, as kind and name, are known to be good."""

        async def there() -> bool:
            found = await self.read("knowngood", "catalog")
            return set(names) <= set(found["spec"].get("workloads", {}))

        try:
            await until(there, 60)
        except TimeoutError:
            everything = await self._in("get", "all")
            raise AssertionError(f"not known to be good:\n{everything}{self.told()}") from None

    async def patch(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        """Change the spec of an object by a strategic merge patch."""
        await self._in("patch", kind, name, "-p", json.dumps({"spec": spec}))

    async def container(self, kind: str, name: str, **fields: Any) -> None:
        """Change fields of the one container of a workload."""
        pods = {"containers": [{"name": "app", **fields}]}
        await self.patch(kind, name, {"template": {"spec": pods}})

    async def delete_pods(self, *apps: str) -> None:
        """Delete the pods of workloads, all at once and without waiting."""
        selector = f"app in ({','.join(apps)})"
        await self._in("delete", "pods", "-l", selector, "--wait=false", "--grace-period=0")

    async def annotate_pods(self, app: str, annotations: Mapping[str, str]) -> None:
        """Put annotations on the pods of a workload that there are now."""
        said = (f"{key}={value}" for key, value in annotations.items())
        await self._in("annotate", "pods", "-l", f"app={app}", *said)

    async def pods(self, app: str) -> list[Json]:
        """Return the pods of a workload."""
        listed: Json = json.loads(await self._in("get", "pods", "-l", f"app={app}", "-o", "json"))
        items: list[Json] = listed["items"]
        return items

    async def read(self, kind: str, name: str) -> Json:
        """Return an object."""
        found: Json = json.loads(await self._in("get", kind, name, "-o", "json"))
        return found

    def about(self, name: str, subject: str) -> list[Json]:
        """Return what was said on a subject of the component of this name."""
        found = []
        for each in self.story.heard:
            target = each.get("component") or each.get("target") or {}
            if each["subject"] == subject and target.get("name") == name:
                found.append(each)
        return found

    def of(self, incident_id: str, subject: str) -> list[Json]:
        """Return what was said on a subject of an incident."""
        return [
            each
            for each in self.story.heard
            if each["subject"] == subject and each.get("incident_id") == incident_id
        ]

    async def heard(self, subject: str, count: int, seconds: float) -> list[Json]:
        """Wait until so much was said on a subject, and return it."""

        def said() -> list[Json]:
            return [each for each in self.story.heard if each["subject"] == subject]

        try:
            await until(lambda: len(said()) >= count, seconds)
        except TimeoutError:
            raise AssertionError(f"{len(said())} of {count} {subject}:\n{self.told()}") from None
        return said()

    def told(self) -> str:
        """Return all that was said but for snapshots, for whom a test fails."""
        return "\n".join(
            f"{each['occurred_at']} {each['subject']}: {each['summary']}"
            for each in self.story.heard
        )

    async def _in(self, *arguments: str, stdin: str | None = None) -> str:
        return await self.story.kubectl("-n", self.story.namespace, *arguments, stdin=stdin)


def _listed(objects: Sequence[Json]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


async def at_once(*changes: Any) -> None:
    """Do several things at the same moment."""
    await asyncio.gather(*changes)
