"""reports: the batch work that writes a price report now and then, for the back office.

It bounds what it leaves on its volume by itself; the clean-up Job removes more
when space is short.
"""

import asyncio
import csv
import io
import time
from collections.abc import Sequence

import structlog
from fastapi import FastAPI

from shop.kube import Kind, KubeError, KubeObjects
from shop.kube_lightkube import LightkubeObjects
from shop.models import Product
from shop.prices import PriceListError, parse
from shop.reports import OWN_REPORT, clean
from shop.settings import CatalogSettings, VolumeSettings, WebSettings
from shop.telemetry import Telemetry
from shop.web import create_app, serve

log = structlog.get_logger()

DISCOUNTS = range(51)  # per cent
VAT_PERCENT = 19


def report(products: Sequence[Product]) -> str:
    """Return the price of each product at each discount, net and gross, as CSV."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["sku", "category", "discount_percent", "gross_cents", "net_cents"])
    for product in products:
        for discount in DISCOUNTS:
            gross = product.price_cents * (100 - discount) // 100
            net = gross * 100 // (100 + VAT_PERCENT)
            rows.writerow([product.sku, product.category, discount, gross, net])
    return out.getvalue()


async def write_report(kube: KubeObjects, volume: VolumeSettings, price_list: str) -> None:
    """Write one report and remove those over the bounds; a failure is logged."""
    try:
        products = parse(await kube.read(Kind.CONFIG_MAP, price_list))
        path = volume.reports_directory / f"report-{time.time_ns() // 1_000_000}.csv"
        path.write_text(report(products))
        bounds = volume.reports_max_files, volume.reports_max_bytes
        clean(volume.reports_directory, *bounds, OWN_REPORT)
    except (KubeError, PriceListError, OSError) as error:
        log.error("report not written", reason=str(error))  # noqa: TRY400 -- no trace wanted
    else:
        log.info("report written", path=str(path))


def build(
    telemetry: Telemetry, kube: KubeObjects, volume: VolumeSettings, price_list: str
) -> FastAPI:
    """Make the application: health and metrics, and the work behind them."""

    async def work() -> None:
        while True:
            await write_report(kube, volume, price_list)
            await asyncio.sleep(volume.reports_period_seconds)

    return create_app(telemetry, background=[work])


def run() -> None:
    """Write reports as the environment says, until SIGTERM."""
    web = WebSettings()
    price_list = CatalogSettings().price_list_config_map
    serve(build(Telemetry(web.name), LightkubeObjects(), VolumeSettings(), price_list), web)
