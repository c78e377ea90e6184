"""The journal: runs as objects of the API server. Every write holds only if nobody wrote since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ooda.common.cluster.interface import NotFound, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Abort, FaultRun
from ooda.injector.ports import Cluster


class JournalError(Exception):
    """An object of the journal cannot be read: somebody else wrote it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A run with the object that it was read from."""

    run: FaultRun
    abort: Abort | None
    object: Object


def read_entry(live: Object) -> Entry:
    """Read an object. Raises JournalError."""
    try:
        abort = live.get("abort")
        return Entry(
            FaultRun.model_validate(live["spec"]),
            None if abort is None else Abort.model_validate(abort),
            live,
        )
    except (KeyError, ValidationError) as error:
        raise JournalError(f"FaultRun {live['metadata']['name']}: {error}") from error


class Journal:
    """The runs of one namespace, which is the injector's own."""

    def __init__(self, api: Cluster, namespace: str) -> None:
        self._api = api
        self.namespace = namespace

    async def find(self, run_id: str) -> Entry | None:
        """Return a run, None if there is none. Raises ClusterError, JournalError."""
        try:
            return read_entry(await self._api.get(Kind.FAULT_RUN, self.namespace, run_id))
        except NotFound:
            return None

    async def runs(self) -> Sequence[Entry]:
        """Return all of them. Raises ClusterError, JournalError."""
        found = await self._api.list(Kind.FAULT_RUN, self.namespace)
        return [read_entry(each) for each in found]

    async def begin(self, run: FaultRun) -> Entry:
        """Write a new run down. Raises Conflict if there is one of that id, ClusterError else."""
        body = {
            "apiVersion": Kind.FAULT_RUN.api_version,
            "kind": Kind.FAULT_RUN.value,
            "metadata": {"name": run.run_id, "namespace": self.namespace},
            "spec": _spec(run),
        }
        return read_entry(await self._api.create(Kind.FAULT_RUN, body))

    async def write(self, entry: Entry, run: FaultRun) -> Entry:
        """Write the run as it is now. Raises Conflict if somebody wrote since, or ClusterError."""
        body = {**entry.object, "spec": _spec(run)}
        return read_entry(await self._api.replace(Kind.FAULT_RUN, body))


def _spec(run: FaultRun) -> Mapping[str, Any]:
    return run.model_dump(mode="json")
