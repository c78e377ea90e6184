"""What the services tell each other. Money is in cents of one currency, the euro."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sku = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
Cents = Annotated[int, Field(ge=0, le=10_000_000)]
Quantity = Annotated[int, Field(ge=1, le=20)]


class Model(BaseModel):
    """Strict about its fields, so that a misspelt one is an error and not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Product(Model):
    """What the shop sells."""

    sku: Sku
    name: str = Field(min_length=1, max_length=80)
    category: str = Field(min_length=1, max_length=40)
    price_cents: Cents


class Page(Model):
    """One page of the catalog; `pages` is how many there are."""

    items: list[Product]
    page: int
    pages: int


class NewLine(Model):
    """What a customer asks for."""

    quantity: Quantity


class Line(Model):
    """One product in a cart, at the price it was put there for."""

    sku: Sku
    quantity: Quantity
    unit_price_cents: Cents


class PricedLine(Model):
    """What the storefront puts into a cart: the price is the catalog's."""

    quantity: Quantity
    unit_price_cents: Cents


class Cart(Model):
    """What a customer has chosen so far."""

    lines: list[Line] = Field(max_length=50)
    degraded: bool = Field(
        default=False, description="the real cart cannot be reached at the moment"
    )


class WantedLine(Model):
    """One product that a customer confirmed."""

    sku: Sku
    quantity: Quantity


class OrderRequest(Model):
    """An order as a customer sends it; `lines` is what the page they confirmed showed."""

    country: str = Field(pattern=r"^[A-Z]{2}$")
    lines: list[WantedLine] = Field([], max_length=50)


class CheckoutRequest(Model):
    """An order as the storefront sends it on, its lines priced."""

    country: str = Field(pattern=r"^[A-Z]{2}$")
    lines: list[Line] = Field([], max_length=50)


class Quote(Model):
    """What a delivery costs and how long it takes."""

    cost_cents: Cents
    days: int


class QuoteRequest(Model):
    """A delivery to be priced; the country by its two letters."""

    country: str = Field(pattern=r"^[A-Z]{2}$")
    items: int = Field(ge=1, le=1000)


class PaymentRequest(Model):
    """A payment to authorise; asking again for the same order is harmless."""

    order_id: str = Field(min_length=1, max_length=64)
    amount_cents: Annotated[int, Field(ge=1, le=1_000_000_000)]


class Payment(Model):
    """An authorised payment."""

    authorization: str
    settled: bool = Field(description="false: authorised offline, to be settled later")


class Order(Model):
    """An order that was placed and paid."""

    id: str
    user: str
    lines: list[Line]
    shipping_cents: Cents
    total_cents: int
    payment: Payment


class Credentials(Model):
    """What a customer logs in with."""

    username: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)


class Token(Model):
    """A signed token and how long it is good for."""

    token: str
    expires_in: int = Field(description="seconds")
