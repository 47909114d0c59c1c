"""What changes products. Each change raises the version, which is the product's ETag."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction

from ..api.values import now
from ..database import versioned
from ..database.constraints import unless_violated
from . import cache
from .errors import ProductInUseError, SkuTakenError
from .models import Product


def product_create(*, sku: str, name: str, price_cents: int, currency: str, stock: int) -> Product:
    with unless_violated("products_sku_key", SkuTakenError):
        product = versioned.create(
            Product,
            sku=sku,
            name=name,
            price_cents=price_cents,
            currency=currency,
            stock=stock,
        )
    transaction.on_commit(cache.invalidate)
    return product


@transaction.atomic
def product_update(
    product_id: UUID, *, expected: Collection[int] | None, changes: dict[str, Any]
) -> Product:
    product = versioned.lock(Product.objects.all(), product_id, expected)
    if versioned.change(product, changes):
        transaction.on_commit(cache.invalidate)
    return product


@transaction.atomic
def product_delete(product_id: UUID, *, expected: Collection[int] | None) -> None:
    product = versioned.lock(Product.objects.all(), product_id, expected)
    # Who orders it locks it first. To let delete() find out would load all that was ever ordered.
    if product.orderline_set.exists():
        raise ProductInUseError
    product.delete()
    transaction.on_commit(cache.invalidate)


def products_move_stock(products: Collection[Product], quantities: dict[UUID, int]) -> None:
    """Takes from the stock of products that are locked; adds to it where a quantity is negative."""
    moment = now()
    for product in products:
        product.stock -= quantities[product.pk]
        product.version += 1
        product.updated_at = moment
    Product.objects.bulk_update(products, ["stock", "version", "updated_at"])
    transaction.on_commit(cache.invalidate)
