"""shipping: quotes what it costs to send a parcel, and how long it takes."""

from fastapi import Depends, FastAPI

from shop import wiring
from shop.models import Quote, QuoteRequest
from shop.settings import WebSettings
from shop.telemetry import Telemetry
from shop.tokens.guard import Guard
from shop.web import create_app, serve

HOME = "DE"
NEIGHBOURS = frozenset({"AT", "BE", "CH", "CZ", "DK", "FR", "LU", "NL", "PL"})
PARCEL_ITEMS = 10


def quote(request: QuoteRequest) -> Quote:
    """Price a delivery by zone and number of parcels."""
    if request.country == HOME:
        cost, days = 390, 2
    elif request.country in NEIGHBOURS:
        cost, days = 790, 4
    else:
        cost, days = 1490, 8
    parcels = -(-request.items // PARCEL_ITEMS)
    return Quote(cost_cents=cost * parcels, days=days)


def build(telemetry: Telemetry, guard: Guard) -> FastAPI:
    """Make the application."""
    app = create_app(telemetry)

    @app.post("/quotes", dependencies=[Depends(guard.service)])
    async def make_quote(request: QuoteRequest) -> Quote:
        return quote(request)

    return app


def run() -> None:
    """Serve shipping as the environment says."""
    web = WebSettings()
    serve(build(Telemetry(web.name), wiring.guard()), web)
