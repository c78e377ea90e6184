"""The read-only diagnostic tools that look at a service account. Each returns one typed finding."""

import datetime as dt
from dataclasses import dataclass

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterReader
from ooda.common.cluster.kinds import Kind
from ooda.common.findings import Finding
from ooda.common.permissions import by_name
from ooda.common.targets import ServiceAccountTarget
from ooda.common.taxonomy import EvidenceFamily
from ooda.orienter.core.findings import About, finding, unavailable
from ooda.orienter.core.objects import Pod, account_of, pod_of
from ooda.orienter.core.rules_access import (
    AccessFacts,
    read_account_logs,
    read_permissions,
    recent_access_change,
)
from ooda.orienter.core.weights import Weights
from ooda.orienter.tools.reading import Reading

PODS_READ = 3
"""Pods whose logs are read, those in trouble first and those that are over last."""
TAIL_LINES = 500
"""Of each container: a log of requests is long, and the denial may be anywhere in it."""


@dataclass(frozen=True, slots=True)
class AccessTools:
    """What the tools need."""

    reader: ClusterReader
    clock: Clock
    weights: Weights

    async def recent_access_changes(
        self, account: str, namespace: str, since: dt.datetime | None = None
    ) -> Finding:
        """Tell which rights were taken from a service account lately, and by which change."""
        about = self._about(
            "recent_access_changes", EvidenceFamily.RECENT_CHANGE, account, namespace
        )
        seen = recent_access_change(await self._facts(account, namespace), since)
        return finding(about, seen, self.weights)

    async def check_permissions(self, account: str, namespace: str) -> Finding:
        """Compare what a service account may do now with what it might do while all was well."""
        about = self._about("check_permissions", EvidenceFamily.IDENTITY, account, namespace)
        return finding(about, read_permissions(await self._facts(account, namespace)), self.weights)

    async def get_account_logs(
        self, account: str, namespace: str, since: dt.datetime | None = None
    ) -> Finding:
        """Read the logs of the pods that run as a service account for requests that were denied."""
        about = self._about("get_account_logs", EvidenceFamily.LOGS, account, namespace)
        facts = await self._facts(account, namespace)
        found = await self.reader.list(Kind.POD, namespace)
        pods = sorted((pod_of(e) for e in found if account_of(e) == account), key=_rank)
        logs, errors = await Reading(self.reader).logs(
            pods[:PODS_READ], namespace, TAIL_LINES, timestamps=True
        )
        if not logs:
            return unavailable(about, errors[-1] if errors else "no pod of it has a log")
        return finding(about, read_account_logs(facts, logs, since), self.weights)

    async def _facts(self, account: str, namespace: str) -> AccessFacts:
        known = await Reading(self.reader).known_good(namespace)
        return AccessFacts(
            ServiceAccountTarget(namespace=namespace, name=account),
            known.service_accounts.get(account) if known is not None else None,
            by_name(await self.reader.list(Kind.ROLE, namespace)),
            by_name(await self.reader.list(Kind.ROLE_BINDING, namespace)),
            by_name(await self.reader.list(Kind.CLUSTER_ROLE, None)),
            by_name(await self.reader.list(Kind.CLUSTER_ROLE_BINDING, None)),
        )

    def _about(self, tool: str, family: EvidenceFamily, account: str, namespace: str) -> About:
        target = ServiceAccountTarget(namespace=namespace, name=account)
        return About(tool, family, target, self.clock.now())


def _rank(pod: Pod) -> tuple[bool, bool, bool]:
    return pod.phase in ("Succeeded", "Failed"), not pod.in_trouble, pod.ready
