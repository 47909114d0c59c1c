import re
from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from ..api.fields import Choice, Integer, QueryInteger, StrictSerializer, Text
from ..api.queries import ListQuery
from ..api.values import timestamp
from .models import Product

SKU = re.compile(r"[A-Z0-9][A-Z0-9-]{0,31}")
CURRENCY = re.compile(r"[A-Z]{3}")
MAX_PRICE = 99_999_999_999
MAX_STOCK = 1_000_000_000
SORTS = ("created_at", "-created_at", "price_cents", "-price_cents")


class ProductInput(StrictSerializer):
    sku = Text(minimum=0, pattern=SKU)
    name = Text(maximum=200)
    price_cents = Integer(minimum=0, maximum=MAX_PRICE)
    currency = Text(minimum=0, pattern=CURRENCY)
    stock = Integer(minimum=0, maximum=MAX_STOCK)


class ProductPatchInput(StrictSerializer):
    name = Text(maximum=200, required=False)
    price_cents = Integer(minimum=0, maximum=MAX_PRICE, required=False)
    stock = Integer(minimum=0, maximum=MAX_STOCK, required=False)


class ProductQuery(ListQuery):
    q = Text(maximum=100, required=False)
    min_price = QueryInteger(minimum=0, maximum=MAX_PRICE, required=False)
    max_price = QueryInteger(minimum=0, maximum=MAX_PRICE, required=False)
    sort = Choice(SORTS, default="-created_at")

    def cross_check(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if values.get("max_price", MAX_PRICE) < values.get("min_price", 0):
            yield "max_price", "too_small"


class ProductOutput(serializers.BaseSerializer[Product]):
    def to_representation(self, instance: Product) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "sku": instance.sku,
            "name": instance.name,
            "price_cents": instance.price_cents,
            "currency": instance.currency,
            "stock": instance.stock,
            "version": instance.version,
            "created_at": timestamp(instance.created_at),
            "updated_at": timestamp(instance.updated_at),
        }
