"""Customers of the shop: they log in, browse, fill a cart and order, over and over.

Each customer makes exactly one request a second, whatever it is, so that the
rate is the number of customers: 20 of them make 20 requests a second.
"""

import itertools
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import gevent
from locust import FastHttpUser, task

PASSWORD = os.environ["SHOP_PASSWORD"]
CUSTOMERS = 500  # as many as auth knows; each has a cart of their own
PERIOD_SECONDS = 1.0  # of each customer
TIMEOUT_SECONDS = 10
# Log in again well before the token (15 minutes) ends.
LOGIN_AGAIN_AFTER = 600
FIRST_PAGES = (1, 2)
COUNTRIES = ("DE", "FR", "NL", "US")
UNAUTHORIZED = 401
NUMBERS = itertools.count()
CHOICE = random.Random()  # noqa: S311 -- whims of customers, no secrets


class Customer(FastHttpUser):
    """One customer; a journey is log in if need be, browse, choose, order."""

    network_timeout = TIMEOUT_SECONDS
    connection_timeout = TIMEOUT_SECONDS
    max_retries = 0
    # A new connection for each request, as from many browsers: a storefront pod that
    # leaves its Service gets no more of them.
    default_headers = {"Connection": "close"}  # noqa: RUF012 -- Locust declares it so

    def on_start(self) -> None:
        """Begin the first journey, somewhere within a second, so that the rate is even."""
        gevent.sleep(CHOICE.random() * PERIOD_SECONDS)
        self._turn = time.monotonic()
        self._name = f"customer-{next(NUMBERS) % CUSTOMERS + 1}"
        self._token = ""
        self._token_from = 0.0
        self._requests = self._journeys()

    def wait_time(self) -> float:
        """Return the time until this customer's next turn, however long the last request took.

        Locust's own constant_throughput makes all customers' requests at the same instant.
        """
        now = time.monotonic()
        self._turn = max(self._turn + PERIOD_SECONDS, now)
        return self._turn - now

    @task
    def one_request(self) -> None:
        """Make the next request of the journey; after one that broke off, begin anew."""
        try:
            next(self._requests)
        except Exception:
            # A generator that raised has ended: without another this customer would be gone.
            self._requests = self._journeys()
            raise

    def _journeys(self) -> Iterator[None]:
        """Make a request at each turn, for ever."""
        while True:
            if time.monotonic() - self._token_from > LOGIN_AGAIN_AFTER or not self._token:
                self._log_in()
                yield
            products = self._browse()
            yield
            for sku in CHOICE.sample(products, min(CHOICE.randint(1, 4), len(products))):
                yield self._call("GET", f"/products/{sku}", "/products/{sku}")
            if not products or not self._token:
                continue  # nothing to buy, or nobody to buy it
            line = self._choose(products[0])
            yield
            yield self._call("GET", "/cart", "/cart")
            if line:
                yield from self._order(line)

    def _log_in(self) -> None:
        body = {"username": self._name, "password": PASSWORD}
        answer = self._call("POST", "/login", "/login", json=body)
        if isinstance(answer, dict):
            self._token, self._token_from = answer["token"], time.monotonic()

    def _browse(self) -> list[str]:
        page = self._call("GET", f"/products?page={CHOICE.choice(FIRST_PAGES)}", "/products")
        products = [item["sku"] for item in page["items"]] if isinstance(page, dict) else []
        CHOICE.shuffle(products)
        return products

    def _choose(self, sku: str) -> dict[str, Any] | None:
        """Put a product into the cart; None if that failed."""
        quantity = CHOICE.randint(1, 3)
        put = self._call(
            "PUT", f"/cart/lines/{sku}", "/cart/lines/{sku}", json={"quantity": quantity}
        )
        return None if put is None else {"sku": sku, "quantity": quantity}

    def _order(self, line: dict[str, Any]) -> Iterator[None]:
        body = {"country": CHOICE.choice(COUNTRIES), "lines": [line]}
        order = self._call("POST", "/orders", "/orders", json=body)
        yield
        if isinstance(order, dict):
            yield self._call("GET", f"/orders/{order['id']}", "/orders/{id}")

    def _call(self, method: str, path: str, name: str, json: Any = None) -> Any:
        """Return the answer decoded; None if it failed, which Locust counts by itself."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        with self.client.request(
            method, path, name=name, json=json, headers=headers, catch_response=True
        ) as response:
            if response.status_code == UNAUTHORIZED:
                self._token = ""
            if not response.ok:
                return None
            try:
                return response.json() if response.content else {}
            except ValueError:
                response.failure("the answer was cut off")
                return None
