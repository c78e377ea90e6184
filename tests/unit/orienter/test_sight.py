from factories.events import NAMESPACE
from factories.orienter import snapshot
from ooda.orienter.sight import FORGET_AFTER, Sight


def test_forgets_a_namespace_that_is_long_silent() -> None:
    sight, silent = Sight(), FORGET_AFTER.total_seconds()
    sight.keep(snapshot().model_copy(update={"namespace": "deleted"}))
    sight.keep(snapshot(after=silent))
    assert sight.workloads("deleted")
    sight.keep(snapshot(after=silent + 5))
    assert not sight.workloads("deleted")
    assert sight.workloads(NAMESPACE)
