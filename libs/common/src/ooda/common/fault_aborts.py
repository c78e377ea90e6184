"""End a fault run now, by the API server alone: what a person writes beside its journal."""

import datetime as dt

from ooda.common.cluster.interface import ClusterWriter
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Abort

OWN_NAMESPACE = "ooda-system"
"""Where the injector's journal is, as it is installed."""


async def abort_run(
    api: ClusterWriter,
    run_id: str,
    by: str,
    now: dt.datetime,
    *,
    reason: str = "",
    namespace: str = OWN_NAMESPACE,
) -> None:
    """Have a run taken back, by the injector, or by the reaper if there is none.

    Raises NotFound if there is no such run, ClusterError.
    """
    word = Abort(by=by, at=now, reason=reason).model_dump(mode="json")
    operations = [{"op": "add", "path": "/abort", "value": word}]
    await api.patch(Kind.FAULT_RUN, namespace, run_id, operations)
