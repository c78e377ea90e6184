"""The composition of a service from its parts, as far as all services share it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx

from shop.edges import EdgeParts
from shop.kube import Kind, KubeObjects, follow
from shop.settings import EdgeSettings, ServiceTokenSettings, VerifierSettings
from shop.switches import Switches
from shop.telemetry import Telemetry
from shop.tokens.guard import Guard
from shop.tokens.keys import verification_key
from shop.tokens.source import ServiceToken
from shop.tokens.verify import Verifier


@dataclass(frozen=True)
class Outgoing:
    """What a service needs to call others, and the work that keeps it current."""

    edges: EdgeParts
    background: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)


def guard() -> Guard:
    """Make the token checks with the public key that is mounted into the pod."""
    pem = VerifierSettings().verification_key_file.read_bytes()
    return Guard(Verifier(verification_key(pem)))


def outgoing(
    client: str,
    telemetry: Telemetry,
    kube: KubeObjects,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Outgoing:
    """Make a client's edges follow the operators' switches and the service token."""
    switches, token = Switches(), ServiceToken()
    settings = EdgeSettings()
    secret = ServiceTokenSettings().service_token_secret
    return Outgoing(
        EdgeParts(client, settings, switches, telemetry, token.header, transport),
        [
            lambda: follow(kube, Kind.CONFIG_MAP, settings.breaker_config_map, switches.accept),
            lambda: follow(kube, Kind.SECRET, secret, token.accept),
        ],
    )
