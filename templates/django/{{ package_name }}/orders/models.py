from typing import ClassVar

from django.conf import settings
from django.db import models

from ..api.values import new_id
from ..products.models import Product

PLACED = "placed"
CANCELLED = "cancelled"


class Order(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False)
    status = models.CharField(max_length=16)
    currency = models.CharField(max_length=3)
    total_cents = models.BigIntegerField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "orders"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status__in=[PLACED, CANCELLED]), name="orders_status_check"
            ),
            models.CheckConstraint(
                condition=models.Q(total_cents__gte=0), name="orders_total_cents_check"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "created_at", "id"], name="orders_user_created_at_idx"),
            models.Index(fields=["user", "total_cents", "id"], name="orders_user_total_cents_idx"),
            models.Index(fields=["created_at", "id"], name="orders_created_at_idx"),
            models.Index(fields=["total_cents", "id"], name="orders_total_cents_idx"),
        ]


class OrderLine(models.Model):
    """Name, number and price are what the buyer saw, whatever becomes of the product."""

    id = models.UUIDField(primary_key=True, default=new_id)
    order = models.ForeignKey(Order, models.PROTECT, related_name="lines", db_index=False)
    position = models.IntegerField()
    product = models.ForeignKey(Product, models.PROTECT)
    sku = models.CharField(max_length=32)
    name = models.CharField(max_length=200)
    quantity = models.IntegerField()
    price_cents = models.BigIntegerField()

    class Meta:
        db_table = "order_lines"
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "position"], name="order_lines_order_id_position_key"
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1), name="order_lines_quantity_check"
            ),
            models.CheckConstraint(
                condition=models.Q(price_cents__gte=0), name="order_lines_price_cents_check"
            ),
        ]
