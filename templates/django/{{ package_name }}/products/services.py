"""What changes products. Each change raises the version, which is the product's ETag."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from ..api.values import now
from ..problems.errors import NotFoundError
from . import cache
from .errors import PreconditionFailedError, ProductInUseError, SkuTakenError
from .models import Product


def product_create(*, sku: str, name: str, price_cents: int, currency: str, stock: int) -> Product:
    moment = now()
    try:
        product = Product.objects.create(
            sku=sku,
            name=name,
            price_cents=price_cents,
            currency=currency,
            stock=stock,
            version=1,
            created_at=moment,
            updated_at=moment,
        )
    except IntegrityError:
        raise SkuTakenError from None
    cache.invalidate()
    return product


@transaction.atomic
def product_update(
    product_id: UUID, *, expected: Collection[int] | None, changes: dict[str, Any]
) -> Product:
    product = _lock(product_id, expected)
    changed = [name for name, value in changes.items() if getattr(product, name) != value]
    if changed:
        for name in changed:
            setattr(product, name, changes[name])
        product.version += 1
        product.updated_at = now()
        product.save(update_fields=[*changed, "version", "updated_at"])
        transaction.on_commit(cache.invalidate)
    return product


@transaction.atomic
def product_delete(product_id: UUID, *, expected: Collection[int] | None) -> None:
    product = _lock(product_id, expected)
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


def _lock(product_id: UUID, expected: Collection[int] | None) -> Product:
    product = Product.objects.select_for_update().filter(pk=product_id).first()
    if product is None:
        raise NotFoundError
    if expected is not None and product.version not in expected:
        raise PreconditionFailedError
    return product
