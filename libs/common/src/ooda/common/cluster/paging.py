"""A whole collection, page by page."""

from collections.abc import Mapping
from typing import Any

from ooda.common.cluster.interface import Unavailable
from ooda.common.cluster.refusals import Expired
from ooda.common.cluster.requests import Requests

PAGE = 500
"""Objects per page of a list; the server's own clients use the same."""

TRIES = 3
"""Lists that may be begun when the server forgets, between two pages, where the list was."""


async def list_all(
    requests: Requests, path: str, selectors: Mapping[str, str] | None = None
) -> tuple[list[dict[str, Any]], str]:
    """Return the objects, and the resource version that they are of. Raises ClusterError."""
    for _ in range(TRIES):
        try:
            return await _pages(requests, path, {"limit": str(PAGE)} | dict(selectors or {}))
        except Expired as error:
            last = error
    raise Unavailable(f"GET {path}: no list could be read to its end") from last


async def _pages(
    requests: Requests, path: str, query: dict[str, str]
) -> tuple[list[dict[str, Any]], str]:
    items: list[dict[str, Any]] = []
    while True:
        page = await requests.json("GET", path, query)
        try:
            items += page.get("items") or []
            version, more = page["metadata"]["resourceVersion"], page["metadata"].get("continue")
        except (AttributeError, KeyError, TypeError) as error:
            raise Unavailable(f"GET {path}: the answer is no list") from error
        if not more:
            return items, version
        query["continue"] = more
