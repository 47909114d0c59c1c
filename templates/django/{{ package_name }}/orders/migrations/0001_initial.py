from typing import ClassVar

from django.db import migrations, models

from ...api.values import new_id


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = [("authentication", "0001_initial"), ("products", "0001_initial")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.UUIDField(default=new_id, primary_key=True, serialize=False)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False, on_delete=models.PROTECT, to="authentication.user"
                    ),
                ),
                ("status", models.CharField(max_length=16)),
                ("currency", models.CharField(max_length=3)),
                ("total_cents", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "orders",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(status__in=["placed", "cancelled"]),
                        name="orders_status_check",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(total_cents__gte=0), name="orders_total_cents_check"
                    ),
                ],
                "indexes": [
                    models.Index(
                        fields=["user", "created_at", "id"], name="orders_user_created_at_idx"
                    ),
                    models.Index(
                        fields=["user", "total_cents", "id"], name="orders_user_total_cents_idx"
                    ),
                    models.Index(fields=["created_at", "id"], name="orders_created_at_idx"),
                    models.Index(fields=["total_cents", "id"], name="orders_total_cents_idx"),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                ("id", models.UUIDField(default=new_id, primary_key=True, serialize=False)),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="lines",
                        to="orders.order",
                    ),
                ),
                ("position", models.IntegerField()),
                ("product", models.ForeignKey(on_delete=models.PROTECT, to="products.product")),
                ("sku", models.CharField(max_length=32)),
                ("name", models.CharField(max_length=200)),
                ("quantity", models.IntegerField()),
                ("price_cents", models.BigIntegerField()),
            ],
            options={
                "db_table": "order_lines",
                "ordering": ["position"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("order", "position"), name="order_lines_order_id_position_key"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(quantity__gte=1), name="order_lines_quantity_check"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(price_cents__gte=0), name="order_lines_price_cents_check"
                    ),
                ],
            },
        ),
    ]
