"""Leases that keep a namespace, or what is shared, for one run: made once, deleted at its end.

They do not run out: a run that is not taken back keeps its namespace, whoever has died.
"""

import datetime as dt

from ooda.common.cluster.interface import Conflict, NotFound
from ooda.common.cluster.kinds import Kind
from ooda.injector.ports import Cluster


class Leases:
    """The Leases of runs, in the injector's own namespace."""

    def __init__(self, api: Cluster, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    async def holder(self, name: str) -> str | None:
        """Return the run that holds a Lease, None if nobody does. Raises ClusterError."""
        try:
            lease = await self._api.get(Kind.LEASE, self._namespace, name)
        except NotFound:
            return None
        return str((lease.get("spec") or {}).get("holderIdentity") or "?")

    async def take(self, name: str, run_id: str, now: dt.datetime) -> str:
        """Take a Lease that nobody holds, and return who holds it now. Raises ClusterError."""
        at = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        body = {
            "apiVersion": Kind.LEASE.api_version,
            "kind": Kind.LEASE.value,
            "metadata": {"name": name, "namespace": self._namespace},
            "spec": {"holderIdentity": run_id, "acquireTime": at},
        }
        try:
            await self._api.create(Kind.LEASE, body)
        except Conflict:
            return await self.holder(name) or ""
        return run_id

    async def give_up(self, name: str, run_id: str) -> None:
        """Delete a Lease if this run holds it. Raises ClusterError."""
        try:
            lease = await self._api.get(Kind.LEASE, self._namespace, name)
            if (lease.get("spec") or {}).get("holderIdentity") == run_id:
                uid = lease["metadata"]["uid"]
                await self._api.delete(Kind.LEASE, self._namespace, name, uid=uid)
        except NotFound:
            return
