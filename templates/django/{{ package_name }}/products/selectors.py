from typing import Any
from uuid import UUID

from ..api.pagination import Page, PageRequest, paginate
from ..problems.errors import NotFoundError
from .models import Product

LOOKUPS = {"q": "name__icontains", "min_price": "price_cents__gte", "max_price": "price_cents__lte"}


def product_list(page: PageRequest) -> Page[Product]:
    filters: dict[str, Any] = {LOOKUPS[name]: value for name, value in page.filters.items()}
    return paginate(Product.objects.filter(**filters), page)


def product_get(product_id: UUID) -> Product:
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFoundError
    return product


def products_lock(product_ids: list[UUID]) -> dict[UUID, Product]:
    """In the order of their ids: two who lock the same products never wait for each other."""
    products = Product.objects.select_for_update().filter(pk__in=product_ids).order_by("pk")
    return {product.pk: product for product in products}
