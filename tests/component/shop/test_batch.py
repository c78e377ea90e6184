"""The batch work and the jobs, on a cluster and a volume that tests can break."""

from pathlib import Path

import httpx
import pytest
import respx
from pydantic import SecretStr
from structlog.testing import capture_logs

from shop.jobs.refresh_token import RefreshError, refresh
from shop.kube import Kind
from shop.kube_memory import MemoryObjects
from shop.reports import ANY_REPORT, reports_in
from shop.services.reports import write_report
from shop.settings import RefreshSettings, VolumeSettings

PRICES = (Path(__file__).parents[3] / "testbed/shop/k8s/prices.json").read_text()
REFRESH = RefreshSettings(refresh_secret=SecretStr("rs"))


@pytest.fixture
async def kube() -> MemoryObjects:
    kube = MemoryObjects()
    await kube.put(Kind.CONFIG_MAP, "price-list", {"prices.json": PRICES})
    await kube.put(Kind.SECRET, "service-token", {"token": "old"})
    return kube


async def test_reports_stay_within_their_bounds(kube: MemoryObjects, tmp_path: Path) -> None:
    (tmp_path / f"report-{0:013}.csv").write_bytes(bytes(1_000_000))
    volume = VolumeSettings(reports_directory=tmp_path, reports_max_bytes=100_000)
    await write_report(kube, volume, "price-list")
    (written,) = reports_in(tmp_path, ANY_REPORT)
    assert 10_000 < written.size < 100_000


async def test_a_full_or_missing_volume_is_logged(kube: MemoryObjects, tmp_path: Path) -> None:
    volume = VolumeSettings(reports_directory=tmp_path / "gone")
    with capture_logs() as logs:
        await write_report(kube, volume, "price-list")
    assert logs[0]["event"] == "report not written"
    assert "No such file or directory" in logs[0]["reason"]


async def test_a_report_needs_the_price_list(kube: MemoryObjects, tmp_path: Path) -> None:
    kube.forbid(Kind.CONFIG_MAP, "price-list")
    with capture_logs() as logs:
        await write_report(kube, VolumeSettings(reports_directory=tmp_path), "price-list")
    assert logs[0]["reason"] == 'configmaps "price-list" is forbidden'
    assert reports_in(tmp_path, ANY_REPORT) == []


@respx.mock(base_url="http://auth:8080")
async def test_a_refresh_replaces_the_token(
    respx_mock: respx.MockRouter, kube: MemoryObjects
) -> None:
    route = respx_mock.post("/service-tokens")
    route.respond(json={"token": "new", "expires_in": 3600})
    async with httpx.AsyncClient(base_url="http://auth:8080") as http:
        await refresh(REFRESH, http, kube)
    assert route.calls.last.request.headers["Authorization"].startswith("Basic ")
    assert await kube.read(Kind.SECRET, "service-token") == {"token": "new"}


@respx.mock(base_url="http://auth:8080")
async def test_a_refresh_that_may_not_write_says_so(
    respx_mock: respx.MockRouter, kube: MemoryObjects
) -> None:
    kube.forbid(Kind.SECRET, "service-token")
    respx_mock.post("/service-tokens").respond(json={"token": "new", "expires_in": 3600})
    async with httpx.AsyncClient(base_url="http://auth:8080") as http:
        with pytest.raises(RefreshError, match='secrets "service-token" is forbidden'):
            await refresh(REFRESH, http, kube)


@respx.mock(base_url="http://auth:8080")
async def test_a_refresh_without_auth_keeps_the_old_token(
    respx_mock: respx.MockRouter, kube: MemoryObjects
) -> None:
    respx_mock.post("/service-tokens").mock(side_effect=httpx.ConnectError("refused"))
    async with httpx.AsyncClient(base_url="http://auth:8080") as http:
        with pytest.raises(RefreshError, match="auth gave no token: refused"):
            await refresh(REFRESH, http, kube)
    assert await kube.read(Kind.SECRET, "service-token") == {"token": "old"}
