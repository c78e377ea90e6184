"""What the storefront shows of the catalog, with what it last saw as the fallback."""

from shop.edges import Edge, EdgeUnavailableError
from shop.models import Page, Product

POPULAR = 4


class Shelves:
    """Pages and products by way of the catalog; recommendations by way of their service."""

    def __init__(self, catalog: Edge, recommendation: Edge) -> None:
        self._catalog = catalog
        self._recommendation = recommendation
        # Bounded by the catalog itself: only pages and products that exist are kept.
        self._pages: dict[int, Page] = {}
        self._products: dict[str, Product] = {}

    async def page(self, number: int) -> Page:
        """Return a page of products, perhaps the last good one.

        Raises EdgeUnavailableError where none was seen yet, EdgeRefusedError.
        """
        try:
            answer = await self._catalog.call("GET", "/products", params={"page": number})
        except EdgeUnavailableError as error:
            if number not in self._pages:
                raise
            self._catalog.fall_back(error)
            return self._pages[number]
        page = Page.model_validate(answer)
        if page.items:
            self._pages[number] = page
            self._products.update({product.sku: product for product in page.items})
        return page

    async def product(self, sku: str) -> Product:
        """Return a product, perhaps as it was last seen; raises as `page` does."""
        try:
            answer = await self._catalog.call("GET", f"/products/{sku}")
        except EdgeUnavailableError as error:
            if sku not in self._products:
                raise
            self._catalog.fall_back(error)
            return self._products[sku]
        product = Product.model_validate(answer)
        self._products[sku] = product
        return product

    async def recommendations(self, sku: str) -> list[Product]:
        """Return what else to look at, perhaps only what is popular; raises EdgeRefusedError."""
        try:
            answer = await self._recommendation.call("GET", "/recommendations", params={"sku": sku})
        except EdgeUnavailableError as error:
            self._recommendation.fall_back(error)
            return self._popular(sku)
        return [Product.model_validate(product) for product in answer]

    def _popular(self, sku: str) -> list[Product]:
        """Return the head of the first page: the price list is ordered by sales."""
        first = self._pages[1].items if 1 in self._pages else []
        return [product for product in first if product.sku != sku][:POPULAR]
