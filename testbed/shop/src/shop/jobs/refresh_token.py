"""The Job that asks auth for a new service token and puts it where the services look."""

import asyncio
import sys

import httpx
import structlog

from shop.kube import KubeError, KubeObjects
from shop.kube_lightkube import LightkubeObjects
from shop.models import Token
from shop.settings import RefreshSettings
from shop.tokens.source import TOKEN_KEY

log = structlog.get_logger()

REFRESH_CLIENT = "token-refresh"
DEADLINE_SECONDS = 5.0


class RefreshError(Exception):
    """No new token could be had or stored; the text says why."""


async def refresh(settings: RefreshSettings, http: httpx.AsyncClient, kube: KubeObjects) -> None:
    """Replace the service token by a new one; raises RefreshError."""
    credential = httpx.BasicAuth(REFRESH_CLIENT, settings.refresh_secret.get_secret_value())
    try:
        response = await http.post("/service-tokens", auth=credential)
        response.raise_for_status()
        token = Token.model_validate_json(response.content)
        await kube.write_secret(settings.service_token_secret, {TOKEN_KEY: token.token})
    except httpx.HTTPError as error:
        raise RefreshError(f"auth gave no token: {error}") from error
    except KubeError as error:
        raise RefreshError(f"the token could not be stored: {error}") from error
    log.info("service token refreshed", expires_in=token.expires_in)


def run() -> None:
    """Refresh once; a failure ends the process with 1 so that the Job tries again."""
    try:
        asyncio.run(_run(RefreshSettings()))
    except RefreshError as error:
        log.error("token refresh failed", reason=str(error))  # noqa: TRY400 -- no trace wanted
        sys.exit(1)


async def _run(settings: RefreshSettings) -> None:
    async with httpx.AsyncClient(base_url=settings.auth_url, timeout=DEADLINE_SECONDS) as http:
        await refresh(settings, http, LightkubeObjects())
