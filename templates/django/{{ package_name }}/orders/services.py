"""What changes orders: stock is never oversold and never lost."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import prefetch_related_objects

from ..api.values import now
from ..authentication.models import User
from ..observability.metrics import ORDERS_TOTAL
from ..problems.errors import Fault, NotFoundError, ValidationFailedError
from ..products.models import Product
from ..products.selectors import products_lock
from ..products.services import products_move_stock
from .errors import InsufficientStockError, InvalidStateError
from .models import CANCELLED, PLACED, Order, OrderLine
from .selectors import orders_visible_to


@dataclass(frozen=True, slots=True)
class WantedLine:
    product_id: UUID
    quantity: int


@transaction.atomic
def order_place(user: User, lines: list[WantedLine]) -> Order:
    products = products_lock([line.product_id for line in lines])
    _check_products(lines, products)
    _check_stock(lines, products)
    products_move_stock(products.values(), {line.product_id: line.quantity for line in lines})
    moment = now()
    order = Order.objects.create(
        user=user,
        status=PLACED,
        currency=products[lines[0].product_id].currency,
        total_cents=sum(line.quantity * products[line.product_id].price_cents for line in lines),
        created_at=moment,
        updated_at=moment,
    )
    # From here on the lines say what was bought, at which price.
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            position=position,
            product=(product := products[line.product_id]),
            sku=product.sku,
            name=product.name,
            quantity=line.quantity,
            price_cents=product.price_cents,
        )
        for position, line in enumerate(lines)
    )
    transaction.on_commit(ORDERS_TOTAL.labels("placed").inc)
    return order


@transaction.atomic
def order_cancel(user: User, order_id: UUID) -> Order:
    order = orders_visible_to(user).select_for_update().filter(pk=order_id).first()
    if order is None:
        raise NotFoundError
    if order.status != PLACED:
        raise InvalidStateError
    order.status = CANCELLED
    order.updated_at = now()
    order.save(update_fields=["status", "updated_at"])
    prefetch_related_objects([order], "lines")
    quantities = {line.product_id: -line.quantity for line in order.lines.all()}
    products_move_stock(products_lock(list(quantities)).values(), quantities)
    transaction.on_commit(ORDERS_TOTAL.labels("cancelled").inc)
    return order


def _check_products(lines: list[WantedLine], products: dict[UUID, Product]) -> None:
    faults = []
    currency = ""
    for index, line in enumerate(lines):
        product = products.get(line.product_id)
        place = f"#/lines/{index}/product_id"
        if product is None:
            faults.append(Fault(place, "not_found"))
        elif currency and product.currency != currency:
            faults.append(Fault(place, "currency_mismatch"))
        else:
            currency = product.currency
    if faults:
        raise ValidationFailedError(faults)


def _check_stock(lines: list[WantedLine], products: dict[UUID, Product]) -> None:
    shortages = [
        {
            "product_id": str(line.product_id),
            "requested": line.quantity,
            "available": products[line.product_id].stock,
        }
        for line in lines
        if products[line.product_id].stock < line.quantity
    ]
    if shortages:
        ORDERS_TOTAL.labels("insufficient_stock").inc()
        raise InsufficientStockError(shortages)
