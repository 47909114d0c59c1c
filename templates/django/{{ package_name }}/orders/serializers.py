from typing import Any

from rest_framework import serializers

from ..api.fields import Choice, Identifier, Integer, Items, StrictSerializer
from ..api.queries import ListQuery
from ..api.values import timestamp
from .models import CANCELLED, PLACED, Order

MAX_LINES = 50
MAX_QUANTITY = 1000
SORTS = ("created_at", "-created_at", "total_cents", "-total_cents")


class OrderLineInput(StrictSerializer):
    product_id = Identifier()
    quantity = Integer(minimum=1, maximum=MAX_QUANTITY)


class OrderInput(StrictSerializer):
    lines = Items(OrderLineInput(), maximum=MAX_LINES, key="product_id")


class EmptyInput(StrictSerializer):
    pass


class OrderQuery(ListQuery):
    status = Choice((PLACED, CANCELLED), required=False)
    sort = Choice(SORTS, default="-created_at")


class OrderOutput(serializers.BaseSerializer[Order]):
    def to_representation(self, instance: Order) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "user_id": str(instance.user_id),
            "status": instance.status,
            "currency": instance.currency,
            "total_cents": instance.total_cents,
            "lines": [
                {
                    "product_id": str(line.product_id),
                    "sku": line.sku,
                    "name": line.name,
                    "quantity": line.quantity,
                    "price_cents": line.price_cents,
                }
                for line in instance.lines.all()
            ],
            "created_at": timestamp(instance.created_at),
            "updated_at": timestamp(instance.updated_at),
        }
