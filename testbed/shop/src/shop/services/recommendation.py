"""recommendation: what else a customer may like, computed from the catalog.

Fallback: the last products that the catalog gave; none known yet is an empty list.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, FastAPI, Query

from shop import wiring
from shop.edges import Edge, EdgeUnavailableError
from shop.kube_lightkube import LightkubeObjects
from shop.models import Page, Product
from shop.settings import WebSettings
from shop.telemetry import Telemetry
from shop.tokens.guard import Guard
from shop.web import create_app, serve

COUNT = 4
CONSIDERED = 100


def similar(products: Sequence[Product], sku: str | None) -> list[Product]:
    """Return the products nearest to one in category and price; without one, the cheapest."""
    seed = next((product for product in products if product.sku == sku), None)
    others = [product for product in products if product is not seed]
    if seed is None:
        return sorted(others, key=lambda product: (product.price_cents, product.sku))[:COUNT]

    def distance(product: Product) -> tuple[bool, int, str]:
        apart = abs(product.price_cents - seed.price_cents)
        return product.category != seed.category, apart, product.sku

    return sorted(others, key=distance)[:COUNT]


def build(telemetry: Telemetry, guard: Guard, outgoing: wiring.Outgoing, catalog: Edge) -> FastAPI:
    """Make the application."""
    app = create_app(telemetry, edges=[catalog], background=outgoing.background)
    last_good: list[Product] = []

    async def products() -> list[Product]:
        try:
            page = Page.model_validate(
                await catalog.call("GET", "/products", params={"size": CONSIDERED})
            )
        except EdgeUnavailableError as error:
            catalog.fall_back(error)
            return last_good
        last_good[:] = page.items
        return page.items

    @app.get("/recommendations", dependencies=[Depends(guard.service)])
    async def recommend(sku: Annotated[str | None, Query(max_length=40)] = None) -> list[Product]:
        return similar(await products(), sku)

    return app


def connect(outgoing: wiring.Outgoing) -> Edge:
    """Make recommendation's one edge."""
    return outgoing.edges.edge("catalog", deadline=1.5)


def run() -> None:
    """Serve recommendations as the environment says."""
    web = WebSettings()
    telemetry = Telemetry(web.name)
    outgoing = wiring.outgoing("recommendation", telemetry, LightkubeObjects())
    serve(build(telemetry, wiring.guard(), outgoing, connect(outgoing)), web)
