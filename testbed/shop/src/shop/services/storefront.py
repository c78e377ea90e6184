"""storefront: the entry for customers; it owns no data and asks the others.

Fallbacks: the last good catalog page or product; the popular list for
recommendations; an empty cart, marked as degraded. Where nothing honest can
stand in (logging in, changing a cart, ordering) it fails fast: 503 with
Retry-After.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Path, Query

from shop import wiring
from shop.edges import Edge, EdgeError, EdgeUnavailableError
from shop.kube_lightkube import LightkubeObjects
from shop.models import (
    Cart,
    CheckoutRequest,
    Credentials,
    Line,
    Model,
    NewLine,
    Order,
    OrderRequest,
    Page,
    PricedLine,
    Product,
    Token,
)
from shop.settings import WebSettings
from shop.shelves import Shelves
from shop.telemetry import Telemetry
from shop.tokens.guard import USER_TOKEN_HEADER, Guard
from shop.web import create_app, serve

Sku = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")]


class ProductView(Model):
    """A product's own page."""

    product: Product
    recommendations: list[Product]


@dataclass(frozen=True)
class Upstreams:
    """The services that storefront calls."""

    auth: Edge
    cart: Edge
    catalog: Edge
    checkout: Edge
    recommendation: Edge

    def edges(self) -> list[Edge]:
        """Return all edges."""
        return [self.auth, self.cart, self.catalog, self.checkout, self.recommendation]


def build(
    telemetry: Telemetry, guard: Guard, outgoing: wiring.Outgoing, upstreams: Upstreams
) -> FastAPI:
    """Make the application."""
    app = create_app(telemetry, edges=upstreams.edges(), background=outgoing.background)
    _browsing(app, Shelves(upstreams.catalog, upstreams.recommendation))
    _buying(app, guard, upstreams)
    return app


def _browsing(app: FastAPI, shelves: Shelves) -> None:
    @app.get("/products")
    async def products(page: Annotated[int, Query(ge=1, le=1000)] = 1) -> Page:
        return await shelves.page(page)

    @app.get("/products/{sku}")
    async def product(sku: Sku) -> ProductView:
        found, others = await asyncio.gather(shelves.product(sku), shelves.recommendations(sku))
        return ProductView(product=found, recommendations=others)


def _buying(app: FastAPI, guard: Guard, upstreams: Upstreams) -> None:
    Customer = Annotated[tuple[str, str], Depends(guard.customer)]  # noqa: N806 -- a type

    @app.post("/login")
    async def login(credentials: Credentials) -> Token:
        body = credentials.model_dump()
        return Token.model_validate(await upstreams.auth.call("POST", "/login", json=body))

    @app.get("/cart")
    async def show_cart(customer: Customer) -> Cart:
        return await _cart(upstreams.cart, customer[1])

    @app.put("/cart/lines/{sku}", status_code=204)
    async def put_line(sku: Sku, line: NewLine, customer: Customer) -> None:
        # No fallback here: a price that may be old is not one to buy at.
        product = Product.model_validate(await upstreams.catalog.call("GET", f"/products/{sku}"))
        priced = PricedLine(quantity=line.quantity, unit_price_cents=product.price_cents)
        await upstreams.cart.call(
            "PUT", f"/cart/lines/{sku}", json=priced.model_dump(), headers=_as(customer[1])
        )

    @app.post("/orders", status_code=201)
    async def order(request: OrderRequest, customer: Customer) -> Order:
        lines = await _confirmed(upstreams.catalog, request)
        body = CheckoutRequest(country=request.country, lines=lines).model_dump()
        placed = await upstreams.checkout.call(
            "POST", "/orders", json=body, headers=_as(customer[1])
        )
        return Order.model_validate(placed)

    @app.get("/orders/{order_id}")
    async def show_order(
        order_id: Annotated[str, Path(pattern=r"^[a-zA-Z0-9-]{1,64}$")], customer: Customer
    ) -> Order:
        found = await upstreams.checkout.call(
            "GET", f"/orders/{order_id}", headers=_as(customer[1])
        )
        return Order.model_validate(found)


def connect(outgoing: wiring.Outgoing) -> Upstreams:
    """Make storefront's edges."""
    return Upstreams(
        auth=outgoing.edges.edge("auth", deadline=2.0),
        cart=outgoing.edges.edge("cart", deadline=2.0),
        catalog=outgoing.edges.edge("catalog", deadline=2.0),
        # Longer than checkout's own worst case: cart, shipping, payment, payment-fallback,
        # the database. A caller that gives up first would never see the fallbacks work.
        checkout=outgoing.edges.edge("checkout", deadline=9.0),
        recommendation=outgoing.edges.edge("recommendation", deadline=2.0),
    )


def run() -> None:
    """Serve storefront as the environment says."""
    web = WebSettings()
    telemetry = Telemetry(web.name)
    outgoing = wiring.outgoing("storefront", telemetry, LightkubeObjects())
    serve(build(telemetry, wiring.guard(), outgoing, connect(outgoing)), web)


def _as(user_token: str) -> dict[str, str]:
    return {USER_TOKEN_HEADER: user_token}


async def _cart(edge: Edge, user_token: str) -> Cart:
    try:
        return Cart.model_validate(await edge.call("GET", "/cart", headers=_as(user_token)))
    except EdgeUnavailableError as error:
        edge.fall_back(error)
        return Cart(lines=[], degraded=True)


async def _confirmed(catalog: Edge, request: OrderRequest) -> list[Line]:
    """Price what the customer confirmed, in case the cart cannot be read; else nothing is lost."""
    try:
        found = [await catalog.call("GET", f"/products/{line.sku}") for line in request.lines]
    except EdgeError:
        return []
    products = [Product.model_validate(product) for product in found]
    return [
        Line(sku=line.sku, quantity=line.quantity, unit_price_cents=product.price_cents)
        for line, product in zip(request.lines, products, strict=True)
    ]
