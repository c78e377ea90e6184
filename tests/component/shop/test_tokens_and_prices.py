"""Tokens that expire and are renewed; a price list that may no longer be read."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest
from structlog.testing import capture_logs

from shop.kube import Kind

if TYPE_CHECKING:
    from .conftest import Shop


def status(code: int) -> Callable[[httpx.Response], bool]:
    return lambda answer: answer.status_code == code


async def test_an_expired_service_token_is_refused_and_logged_as_such(shop: "Shop") -> None:
    with capture_logs() as logs:
        await shop.refresh_token(lifetime=-10)
        answer = await shop.answered("/products", status(502))
    assert answer.json()["detail"] == "storefront.catalog: Signature has expired"
    refusal = next(entry for entry in logs if entry["event"] == "token verification failed")
    assert (refusal["reason"], refusal["issuer"]) == ("Signature has expired", "auth")
    assert refusal["kid"]


async def test_a_refreshed_token_cures_that(shop: "Shop") -> None:
    await shop.refresh_token(lifetime=-10)
    await shop.answered("/products", status(502))
    await shop.refresh_token()
    await shop.answered("/products", status(200))


async def test_a_refusal_says_how_to_authenticate(shop: "Shop") -> None:
    catalog = httpx.ASGITransport(shop.network.apps["catalog"])
    async with httpx.AsyncClient(transport=catalog, base_url="http://catalog") as caller:
        answer = await caller.get("/products")
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_a_user_token_opens_no_inner_door(shop: "Shop") -> None:
    catalog = httpx.ASGITransport(shop.network.apps["catalog"])
    headers = {"Authorization": shop.customer.headers["Authorization"]}
    async with httpx.AsyncClient(transport=catalog, base_url="http://catalog") as caller:
        assert (await caller.get("/products", headers=headers)).status_code == 401


@pytest.mark.parametrize("price_list_max_age", [0.2])
async def test_a_revoked_permission_bites_and_the_last_page_stands_in(shop: "Shop") -> None:
    with capture_logs() as logs:
        shop.kube.forbid(Kind.CONFIG_MAP, "price-list")
        answer = await shop.answered("/products", lambda answer: "X-Fallback" in answer.headers)
    assert answer.headers["X-Fallback"] == "storefront.catalog"
    assert answer.status_code == 200
    unreadable = next(entry for entry in logs if entry["event"] == "price list unreadable")
    assert unreadable["reason"] == 'configmaps "price-list" is forbidden'
    put = await shop.customer.put("/cart/lines/assam", json={"quantity": 1})
    assert put.status_code == 503
    catalog = httpx.ASGITransport(shop.network.apps["catalog"])
    async with httpx.AsyncClient(transport=catalog, base_url="http://catalog") as probe:
        assert (await probe.get("/readyz")).status_code == 200
