"""The one table that the measured routes read: the service's own."""

from django.db import models


class Product(models.Model):
    id = models.UUIDField(primary_key=True)
    sku = models.CharField(max_length=32)
    name = models.CharField(max_length=200)
    price_cents = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    stock = models.BigIntegerField()
    version = models.BigIntegerField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "products"
        managed = False
