import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from asgi_lifespan import LifespanManager
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from pydantic import SecretStr

from shop import wiring
from shop.kube import Kind
from shop.kube_memory import MemoryObjects
from shop.models import Order
from shop.services import (
    auth,
    cart,
    catalog,
    checkout,
    payment,
    recommendation,
    shipping,
    storefront,
)
from shop.settings import CatalogSettings, IssuerSettings, PaymentSettings
from shop.stores.carts import MemoryCarts
from shop.stores.orders import MemoryOrders
from shop.telemetry import Telemetry
from shop.tokens.guard import Guard
from shop.tokens.issue import Issuer
from shop.tokens.keys import Audience
from shop.tokens.verify import Verifier

PRICES = (Path(__file__).parents[3] / "testbed/shop/k8s/prices.json").read_text()


@dataclass
class Network(httpx.AsyncBaseTransport):
    """Calls between the services of one process, by host name; any of them can be cut."""

    apps: dict[str, FastAPI] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host in self.refused:
            raise httpx.ConnectError("All connection attempts failed", request=request)
        if host in self.silent:
            await asyncio.Event().wait()
        transport = httpx.ASGITransport(self.apps[host], raise_app_exceptions=False)
        return await transport.handle_async_request(request)


class DefectiveOrders(MemoryOrders):
    """Orders in memory, with a bug when a test wants one."""

    defect: Exception | None = None

    async def get(self, order_id: str, user: str) -> Order | None:
        if self.defect:
            raise self.defect
        return await super().get(order_id, user)


@dataclass
class Shop:
    """The whole shop in one process, with stores and a cluster in memory."""

    network: Network
    kube: MemoryObjects
    issuer: Issuer
    telemetry: dict[str, Telemetry]
    orders: DefectiveOrders
    customer: httpx.AsyncClient

    def metrics(self, service: str) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return a service's metric samples by name and labels; an empty label is none."""
        return {
            (
                sample.name,
                frozenset(label for label in sample.labels.items() if label[1]),
            ): sample.value
            for family in self.telemetry[service].registry.collect()
            for sample in family.samples
        }

    def count(self, service: str, name: str, **labels: str) -> float:
        """Return how many requests a histogram of a service has seen with exactly these labels."""
        return self.metrics(service).get((f"{name}_count", frozenset(labels.items())), 0.0)

    async def refresh_token(self, lifetime: int = 3600) -> None:
        """Put a new service token where the services look."""
        token = self.issuer.issue(Audience.SERVICE, "shop", lifetime)
        await self.kube.put(Kind.SECRET, "service-token", {"token": token})

    async def answered(
        self, path: str, as_wanted: Callable[[httpx.Response], bool]
    ) -> httpx.Response:
        """Ask again until the answer is as wanted; raises TimeoutError after two seconds."""
        async with asyncio.timeout(2.0):
            while True:
                answer = await self.customer.get(path)
                if as_wanted(answer):
                    return answer
                await asyncio.sleep(0.01)

    async def log_in(self) -> None:
        """Log the customer in."""
        body = {"username": "customer-1", "password": "pw"}
        answer = await self.customer.post("/login", json=body)
        assert answer.status_code == 200, answer.text
        self.customer.headers["Authorization"] = f"Bearer {answer.json()['token']}"


def applications(shop: Shop, guard: Guard, *, price_list_max_age: float) -> dict[str, FastAPI]:
    tele, network, kube = shop.telemetry, shop.network, shop.kube
    out = {client: wiring.outgoing(client, tele[client], kube, network) for client in CLIENTS}
    secret = SecretStr("pw")
    issuing = IssuerSettings(users_password=secret, refresh_secret=SecretStr("rs"))
    offline = PaymentSettings(payment_offline=True)
    return {
        "auth": auth.build(tele["auth"], shop.issuer, issuing),
        "cart": cart.build(tele["cart"], guard, MemoryCarts()),
        "catalog": catalog.build(
            tele["catalog"],
            guard,
            kube,
            CatalogSettings(
                price_list_period_seconds=0.02, price_list_max_age_seconds=price_list_max_age
            ),
        ),
        "checkout": checkout.build(
            tele["checkout"],
            guard,
            out["checkout"],
            checkout.connect(out["checkout"]),
            shop.orders,
        ),
        "payment": payment.build(tele["payment"], guard, PaymentSettings()),
        "payment-fallback": payment.build(tele["payment-fallback"], guard, offline),
        "recommendation": recommendation.build(
            tele["recommendation"],
            guard,
            out["recommendation"],
            recommendation.connect(out["recommendation"]),
        ),
        "shipping": shipping.build(tele["shipping"], guard),
        "storefront": storefront.build(
            tele["storefront"], guard, out["storefront"], storefront.connect(out["storefront"])
        ),
    }


INNER = ("auth", "cart", "catalog", "payment", "payment-fallback", "shipping")
CLIENTS = ("checkout", "recommendation", "storefront")


@pytest.fixture
def price_list_max_age() -> float:
    """Seconds; so long that no busy machine makes the prices too old to be vouched for."""
    return 60.0


@pytest.fixture
async def shop(price_list_max_age: float) -> AsyncIterator[Shop]:
    key = Ed25519PrivateKey.generate()
    network = Network()
    async with AsyncExitStack() as stack:
        customer = httpx.AsyncClient(transport=network, base_url="http://storefront")
        await stack.enter_async_context(customer)
        telemetry = {name: Telemetry(name) for name in INNER + CLIENTS}
        shop = Shop(network, MemoryObjects(), Issuer(key), telemetry, DefectiveOrders(), customer)
        await shop.kube.put(Kind.CONFIG_MAP, "price-list", {"prices.json": PRICES})
        await shop.kube.put(Kind.CONFIG_MAP, "circuit-breakers", {})
        await shop.refresh_token()
        network.apps = applications(
            shop, Guard(Verifier(key.public_key())), price_list_max_age=price_list_max_age
        )
        for app in network.apps.values():
            await stack.enter_async_context(LifespanManager(app))
        await shop.answered("/products", lambda answer: answer.status_code == 200)
        await shop.log_in()
        yield shop
