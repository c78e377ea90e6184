"""checkout: turns a cart into a paid order.

Fallbacks: a flat rate when shipping gives no quote; an offline authorisation
from payment-fallback when payment does not answer; the lines that the customer
confirmed when the cart cannot be read. With no lines at all it asks to try
again later, since an order must be what the customer wanted.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, FastAPI, Header, HTTPException, Path
from psycopg.conninfo import make_conninfo

from shop import wiring
from shop.edges import Edge, EdgeError, EdgeUnavailableError
from shop.kube_lightkube import LightkubeObjects
from shop.models import Cart, CheckoutRequest, Line, Order, Payment, PaymentRequest, Quote
from shop.settings import OrdersSettings, WebSettings
from shop.stores.orders import OrderStore
from shop.stores.postgres_orders import PostgresOrders
from shop.telemetry import Telemetry
from shop.tokens.guard import USER_TOKEN_HEADER, Guard
from shop.web import UnavailableError, create_app, serve

log = structlog.get_logger()

FLAT_RATE = Quote(cost_cents=990, days=7)


@dataclass(frozen=True)
class Upstreams:
    """The services that checkout calls."""

    cart: Edge
    payment: Edge
    payment_fallback: Edge
    shipping: Edge

    async def lines(self, request: CheckoutRequest, user: Mapping[str, str]) -> list[Line]:
        """Return the cart; if it cannot be read, what the customer confirmed."""
        try:
            return Cart.model_validate(await self.cart.call("GET", "/cart", headers=user)).lines
        except EdgeUnavailableError as error:
            if not request.lines:
                raise UnavailableError(
                    "the cart cannot be read and no lines were confirmed"
                ) from error
            self.cart.fall_back(error)
            return request.lines

    async def quote(self, country: str, items: int) -> Quote:
        """Return what delivery costs; if shipping does not say, the flat rate."""
        try:
            body = {"country": country, "items": items}
            return Quote.model_validate(await self.shipping.call("POST", "/quotes", json=body))
        except EdgeUnavailableError as error:
            self.shipping.fall_back(error)
            return FLAT_RATE

    async def pay(self, payment: PaymentRequest) -> Payment:
        """Return the authorisation; if payment does not answer, one to be settled later."""
        body = payment.model_dump()
        try:
            return Payment.model_validate(await self.payment.call("POST", "/payments", json=body))
        except EdgeUnavailableError as error:
            self.payment.fall_back(error)
        return Payment.model_validate(
            await self.payment_fallback.call("POST", "/payments", json=body)
        )

    async def empty_cart(self, user: Mapping[str, str]) -> None:
        """Empty the cart after the order; an order stands even if that fails."""
        try:
            await self.cart.call("DELETE", "/cart", headers=user)
        except EdgeError as error:
            log.warning("cart not emptied", reason=str(error))

    def edges(self) -> list[Edge]:
        """Return all edges."""
        return [self.cart, self.payment, self.payment_fallback, self.shipping]


def build(
    telemetry: Telemetry,
    guard: Guard,
    outgoing: wiring.Outgoing,
    upstreams: Upstreams,
    orders: OrderStore,
) -> FastAPI:
    """Make the application."""
    app = create_app(
        telemetry,
        edges=upstreams.edges(),
        background=[*outgoing.background, orders.open],
        closing=[orders.close],
    )
    caller = Depends(guard.service)
    User = Annotated[str, Depends(guard.user)]  # noqa: N806 -- a type

    @app.post("/orders", status_code=201, dependencies=[caller])
    async def place(
        request: CheckoutRequest, user: User, x_user_token: Annotated[str, Header()]
    ) -> Order:
        as_user = {USER_TOKEN_HEADER: x_user_token}
        lines = await upstreams.lines(request, as_user)
        if not lines:
            raise HTTPException(409, "the cart is empty")
        quote = await upstreams.quote(request.country, sum(line.quantity for line in lines))
        order_id = str(uuid.uuid4())
        total = quote.cost_cents + sum(line.quantity * line.unit_price_cents for line in lines)
        payment = await upstreams.pay(PaymentRequest(order_id=order_id, amount_cents=total))
        order = Order(
            id=order_id,
            user=user,
            lines=lines,
            shipping_cents=quote.cost_cents,
            total_cents=total,
            payment=payment,
        )
        # An authorisation whose order could not be kept is never captured, and lapses.
        await orders.add(order)
        await upstreams.empty_cart(as_user)
        return order

    @app.get("/orders/{order_id}", dependencies=[caller])
    async def show(order_id: Annotated[str, Path(max_length=64)], user: User) -> Order:
        order = await orders.get(order_id, user)
        if order is None:
            raise HTTPException(404, f"no order {order_id!r}")
        return order

    return app


def connect(outgoing: wiring.Outgoing) -> Upstreams:
    """Make checkout's edges."""
    return Upstreams(
        cart=outgoing.edges.edge("cart", deadline=1.0),
        payment=outgoing.edges.edge("payment", deadline=2.0),
        payment_fallback=outgoing.edges.edge("payment-fallback", deadline=1.0),
        shipping=outgoing.edges.edge("shipping", deadline=1.0),
    )


def run() -> None:
    """Serve checkout as the environment says."""
    web, database = WebSettings(), OrdersSettings()
    telemetry = Telemetry(web.name)
    outgoing = wiring.outgoing("checkout", telemetry, LightkubeObjects())
    orders = PostgresOrders(
        make_conninfo(
            host=database.orders_db_host,
            port=database.orders_db_port,
            dbname=database.orders_db_name,
            user=database.orders_db_username,
            password=database.orders_db_password.get_secret_value(),
        )
    )
    serve(build(telemetry, wiring.guard(), outgoing, connect(outgoing), orders), web)
