"""The kill switch: one ConfigMap in the agent's namespace; while it is there, nobody writes.

It works without NATS and without Postgres: whoever is about to write reads it directly.
"""

import datetime as dt
from dataclasses import dataclass

from ooda.common.cluster.interface import ClusterReader, ClusterWriter, Conflict, NotFound
from ooda.common.cluster.kinds import Kind

NAME = "ooda-stop"


@dataclass(frozen=True, slots=True)
class Stop:
    """Who stopped the agent, when and why, as they said."""

    by: str
    at: str
    reason: str


async def read_stop(reader: ClusterReader, namespace: str) -> Stop | None:
    """Return the stop that is in force, None if there is none. Raises ClusterError."""
    try:
        found = await reader.get(Kind.CONFIG_MAP, namespace, NAME)
    except NotFound:
        return None
    data = found.get("data") or {}
    return Stop(data.get("by", "?"), data.get("at", "?"), data.get("reason", ""))


async def stop(
    writer: ClusterWriter, namespace: str, *, by: str, reason: str, now: dt.datetime
) -> bool:
    """Stop all writing; returns False if it was stopped already. Raises ClusterError."""
    body = {
        "apiVersion": Kind.CONFIG_MAP.api_version,
        "kind": Kind.CONFIG_MAP.value,
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {"by": by, "at": now.isoformat(timespec="seconds"), "reason": reason},
    }
    try:
        await writer.create(Kind.CONFIG_MAP, body)
    except Conflict:
        return False
    return True


async def resume(reader: ClusterReader, writer: ClusterWriter, namespace: str) -> bool:
    """Allow writing again; returns False if it was not stopped. Raises ClusterError."""
    try:
        found = await reader.get(Kind.CONFIG_MAP, namespace, NAME)
        await writer.delete(Kind.CONFIG_MAP, namespace, NAME, uid=found["metadata"]["uid"])
    except NotFound:
        return False
    return True
