"""Delete what is left over of a StatefulSet's pods once its template is as before."""

from ooda.common.cluster.interface import NotFound
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import LeftOverStep, Undone
from ooda.injector.core.left_over import is_stuck, left_over
from ooda.injector.ports import Cluster


async def delete_stuck(api: Cluster, step: LeftOverStep) -> Undone | None:
    """Delete each pod that is stuck, and return what was found. Raises ClusterError.

    None: there are others still, or may be; it has to be looked again. What is ready its controller
    replaces, and one that is ready now may be stuck a second later.
    """
    where = step.object
    try:
        live = await api.get(Kind.STATEFUL_SET, where.namespace, where.name)
    except NotFound:
        return Undone.GONE
    if live["metadata"]["uid"] != where.uid:
        return Undone.GONE
    labels = live["spec"]["selector"].get("matchLabels") or {}
    pods = await api.list(Kind.POD, where.namespace, labels=labels)
    found = left_over(live, pods, step.before)
    if found is None:
        return None
    stuck = [each["metadata"] for each in found if is_stuck(each)]
    for each in stuck:
        await api.delete(Kind.POD, where.namespace, each["name"], uid=each["uid"])
    if len(stuck) < len(found):
        return None
    return Undone.REVERTED if stuck else Undone.NOTHING
