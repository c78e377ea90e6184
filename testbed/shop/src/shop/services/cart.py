"""cart: what each customer has chosen, kept in Redis."""

from typing import Annotated

from fastapi import Depends, FastAPI, Path

from shop import wiring
from shop.models import Cart, Line, PricedLine
from shop.settings import CartSettings, WebSettings
from shop.stores.carts import CartStore
from shop.stores.redis_carts import RedisCarts
from shop.telemetry import Telemetry
from shop.tokens.guard import Guard
from shop.web import create_app, serve


def build(telemetry: Telemetry, guard: Guard, carts: CartStore) -> FastAPI:
    """Make the application."""
    app = create_app(telemetry, closing=[carts.close])
    caller = Depends(guard.service)
    User = Annotated[str, Depends(guard.user)]  # noqa: N806 -- a type

    @app.get("/cart", dependencies=[caller])
    async def show(user: User) -> Cart:
        return Cart(lines=await carts.lines(user))

    @app.put("/cart/lines/{sku}", status_code=204, dependencies=[caller])
    async def put(
        sku: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")], line: PricedLine, user: User
    ) -> None:
        await carts.put(user, Line(sku=sku, **line.model_dump()))

    @app.delete("/cart", status_code=204, dependencies=[caller])
    async def clear(user: User) -> None:
        await carts.clear(user)

    return app


def run() -> None:
    """Serve carts as the environment says."""
    web = WebSettings()
    serve(build(Telemetry(web.name), wiring.guard(), RedisCarts(CartSettings().redis_url)), web)
