"""catalog: products and prices, from a ConfigMap that it reads again every few seconds.

Prices that can no longer be read are not vouched for: after the maximum age
product requests get 503. The readiness stays: the process is healthy, all
replicas share the reason, and taking them all out of the Service would turn a
clear answer into a refused connection.
"""

import asyncio
import time
from typing import Annotated

import structlog
from fastapi import Depends, FastAPI, HTTPException, Path, Query

from shop import wiring
from shop.kube import Kind, KubeError, KubeObjects
from shop.kube_lightkube import LightkubeObjects
from shop.models import Page, Product
from shop.prices import PriceListError, Prices, parse
from shop.settings import CatalogSettings, WebSettings
from shop.telemetry import Telemetry
from shop.tokens.guard import Guard
from shop.web import UnavailableError, create_app, serve

log = structlog.get_logger()

PAGE_SIZE = 12


def build(
    telemetry: Telemetry, guard: Guard, kube: KubeObjects, settings: CatalogSettings
) -> FastAPI:
    """Make the application."""
    prices = Prices(settings.price_list_max_age_seconds)
    app = create_app(telemetry, background=[lambda: _keep_current(prices, kube, settings)])

    def vouched() -> tuple[Product, ...]:
        products = prices.current(time.monotonic())
        if products is None:
            raise UnavailableError("the price list cannot be read at the moment")
        return products

    caller = Depends(guard.service)
    Products = Annotated[tuple[Product, ...], Depends(vouched)]  # noqa: N806 -- a type

    @app.get("/products", dependencies=[caller])
    async def list_products(
        products: Products,
        page: Annotated[int, Query(ge=1, le=1000)] = 1,
        size: Annotated[int, Query(ge=1, le=100)] = PAGE_SIZE,
    ) -> Page:
        start = (page - 1) * size
        pages = -(-len(products) // size)
        return Page(items=list(products[start : start + size]), page=page, pages=pages)

    @app.get("/products/{sku}", dependencies=[caller])
    async def product(sku: Annotated[str, Path(max_length=40)], products: Products) -> Product:
        found = next((product for product in products if product.sku == sku), None)
        if found is None:
            raise HTTPException(404, f"no product {sku!r}")
        return found

    return app


def run() -> None:
    """Serve the catalog as the environment says."""
    web = WebSettings()
    telemetry = Telemetry(web.name)
    serve(build(telemetry, wiring.guard(), LightkubeObjects(), CatalogSettings()), web)


async def _keep_current(prices: Prices, kube: KubeObjects, settings: CatalogSettings) -> None:
    while True:
        try:
            data = await kube.read(Kind.CONFIG_MAP, settings.price_list_config_map)
            prices.renew(parse(data), time.monotonic())
        except (KubeError, PriceListError) as error:
            log.warning("price list unreadable", reason=str(error))
        await asyncio.sleep(settings.price_list_period_seconds)
