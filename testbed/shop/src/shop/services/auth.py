"""auth: issues tokens. It alone holds the signing key."""

import hmac
from typing import Annotated

import structlog
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from shop.models import Credentials, Token
from shop.settings import IssuerSettings, WebSettings
from shop.telemetry import Telemetry
from shop.tokens.issue import Issuer
from shop.tokens.keys import Audience, signing_key
from shop.web import create_app, serve

log = structlog.get_logger()

REFRESH_CLIENT = "token-refresh"
basic = HTTPBasic(realm="client")


def build(telemetry: Telemetry, issuer: Issuer, settings: IssuerSettings) -> FastAPI:
    """Make the application."""
    app = create_app(telemetry)
    customers = frozenset(f"customer-{number + 1}" for number in range(settings.customers))

    @app.post("/login")
    async def login(credentials: Credentials) -> Token:
        known = credentials.username in customers
        if not _same(credentials.password, settings.users_password.get_secret_value()) or not known:
            log.warning("login refused", reason="unknown user or wrong password")
            raise HTTPException(
                401, "unknown user or wrong password", {"WWW-Authenticate": 'Bearer realm="user"'}
            )
        lifetime = settings.user_token_seconds
        token = issuer.issue(Audience.USER, credentials.username, lifetime)
        return Token(token=token, expires_in=lifetime)

    @app.post("/service-tokens")
    async def service_token(client: Annotated[HTTPBasicCredentials, Depends(basic)]) -> Token:
        secret_right = _same(client.password, settings.refresh_secret.get_secret_value())
        if not secret_right or client.username != REFRESH_CLIENT:
            log.warning("service token refused", reason="unknown client or wrong secret")
            raise HTTPException(
                401, "unknown client or wrong secret", {"WWW-Authenticate": 'Basic realm="client"'}
            )
        lifetime = settings.service_token_seconds
        log.info("service token issued", expires_in=lifetime)
        return Token(token=issuer.issue(Audience.SERVICE, "shop", lifetime), expires_in=lifetime)

    return app


def run() -> None:
    """Serve auth as the environment says."""
    settings = IssuerSettings()
    key = signing_key(settings.signing_key_file.read_bytes())
    web = WebSettings()
    serve(build(Telemetry(web.name), Issuer(key), settings), web)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
