"""What people and machines do every day: nothing is flagged, nothing is done."""

from collections.abc import Callable, Iterator

import pytest

from e2e.live import ordinary
from e2e.live.incidents import Scene
from e2e.live.kube import Kube
from e2e.live.shop import SHOP
from e2e.live.workloads import Workload

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def uneventful(scene: Scene) -> Callable[[], None]:
    """Look, two snapshots after the last change, that nothing was flagged and nothing done."""

    def look() -> None:
        scene.quiet(seconds=30, snapshots=2)
        assert [each.summary for each in scene.flags()] == []
        assert scene.actions() == []

    return look


def test_a_restart_of_a_healthy_deployment(kube: Kube, uneventful: Callable[[], None]) -> None:
    ordinary.roll(kube, "storefront")
    uneventful()


def test_scaling_up_and_down_again(kube: Kube, uneventful: Callable[[], None]) -> None:
    ordinary.scale_up_and_back(kube, "checkout")
    uneventful()


def test_a_container_that_crashes_once(kube: Kube, uneventful: Callable[[], None]) -> None:
    ordinary.crash_once(kube, "recommendation")
    uneventful()


def test_a_release_whose_pods_start_slowly(kube: Kube, uneventful: Callable[[], None]) -> None:
    ordinary.start_slowly(kube, "shipping")
    uneventful()


def test_credentials_that_are_rotated(kube: Kube, uneventful: Callable[[], None]) -> None:
    ordinary.rotate_credentials(kube)
    uneventful()


@pytest.fixture
def emptied(kube: Kube) -> Iterator[str]:
    with ordinary.drained(kube) as worker:
        yield worker


def test_a_worker_that_is_drained_and_used_again(
    kube: Kube, uneventful: Callable[[], None], emptied: str
) -> None:
    running = [p for p in kube.items("Pod", SHOP) if p.spec.nodeName == emptied]
    kube.kubectl("uncordon", emptied)
    assert {p.status.phase for p in running} <= {"Succeeded", "Failed"}
    for each in ("recommendation", "reports", "payment-fallback"):
        Workload(kube, "Deployment", each).wait_until_complete()
    uneventful()


def test_a_job_that_succeeds_at_the_second_try(kube: Kube, uneventful: Callable[[], None]) -> None:
    with ordinary.retried_job(kube):
        uneventful()
