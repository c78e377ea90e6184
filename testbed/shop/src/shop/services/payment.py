"""payment: authorises payments; as payment-fallback it does so offline, to be settled later."""

import uuid

import structlog
from fastapi import Depends, FastAPI, HTTPException

from shop import wiring
from shop.models import Payment, PaymentRequest
from shop.settings import PaymentSettings, WebSettings
from shop.telemetry import Telemetry
from shop.tokens.guard import Guard
from shop.web import create_app, serve

log = structlog.get_logger()

OFFLINE_LIMIT_CENTS = 50_000  # the risk that the shop carries itself
_AUTHORIZATIONS = uuid.UUID("6f1f64d2-6b0b-4c8d-9a6b-0f3f5f7e7f10")


def authorize(request: PaymentRequest, *, offline: bool) -> Payment | None:
    """Authorise a payment, the same one for the same order; None if it is declined."""
    if offline and request.amount_cents > OFFLINE_LIMIT_CENTS:
        return None
    number = uuid.uuid5(_AUTHORIZATIONS, f"{request.order_id} {request.amount_cents}")
    return Payment(authorization=str(number), settled=not offline)


def build(telemetry: Telemetry, guard: Guard, settings: PaymentSettings) -> FastAPI:
    """Make the application."""
    app = create_app(telemetry)

    @app.post("/payments", dependencies=[Depends(guard.service)])
    async def pay(request: PaymentRequest) -> Payment:
        payment = authorize(request, offline=settings.payment_offline)
        if payment is None:
            log.info("payment declined", order=request.order_id, reason="over the offline limit")
            raise HTTPException(402, "too much for an offline authorisation; try again later")
        return payment

    return app


def run() -> None:
    """Serve payment as the environment says."""
    web = WebSettings()
    serve(build(Telemetry(web.name), wiring.guard(), PaymentSettings()), web)
