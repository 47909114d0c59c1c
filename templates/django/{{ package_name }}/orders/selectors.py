from uuid import UUID

from django.db.models import QuerySet

from ..api.pagination import Page, PageRequest, paginate
from ..authentication.access import ADMIN
from ..authentication.models import User
from ..problems.errors import NotFoundError
from .models import Order


def orders_visible_to(user: User) -> QuerySet[Order]:
    """One's own; an administrator sees everybody's. The rest does not exist."""
    return Order.objects.all() if user.role == ADMIN else Order.objects.filter(user=user)


def order_list(user: User, page: PageRequest) -> Page[Order]:
    # Two queries, however many orders and lines there are.
    orders = orders_visible_to(user).filter(**page.filters).prefetch_related("lines")
    return paginate(orders, page)


def order_get(user: User, order_id: UUID) -> Order:
    order = orders_visible_to(user).prefetch_related("lines").filter(pk=order_id).first()
    if order is None:
        raise NotFoundError
    return order
