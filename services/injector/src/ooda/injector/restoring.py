"""Images of objects: taken before a run, and given back after it."""

from collections.abc import Sequence

from ooda.common.cluster.interface import NotFound
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import ChangeStep, Image, Restored, Step
from ooda.common.plans import ObjectRef
from ooda.injector.core.images import image_of, kept, to_set_back
from ooda.injector.ports import Cluster


async def take(
    api: Cluster, workload: ObjectRef, steps: Sequence[Step], *, autoscaled: bool
) -> tuple[Image, ...]:
    """Return images of the target and of all objects that steps change. Raises ClusterError."""
    changed = [each.object for each in steps if isinstance(each, ChangeStep)]
    images = []
    for where in kept([workload, *changed]):
        live = await api.get(Kind(where.kind), where.namespace, where.name)
        is_target = (where.kind, where.name) == (workload.kind, workload.name)
        images.append(image_of(where, live, autoscaled=autoscaled and is_target))
    return tuple(images)


async def restore(api: Cluster, image: Image) -> Restored:
    """Set an object back to its image, and return what was found. Raises ClusterError."""
    where = image.object
    try:
        live = await api.get(Kind(where.kind), where.namespace, where.name)
    except NotFound:
        return Restored.GONE
    if live["metadata"]["uid"] != where.uid:
        return Restored.GONE
    operations = to_set_back(live, image)
    if not operations:
        return Restored.AS_BEFORE
    await api.patch(Kind(where.kind), where.namespace, where.name, operations)
    return Restored.SET_BACK
