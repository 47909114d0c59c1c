from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from ..api.pagination import PageRequest
from ..api.queries import validated_query
from ..api.replies import json_reply
from ..api.views import ApiView, path_id
from ..authentication.access import Access
from ..idempotency.services import is_replay, run_once
from ..observability.metrics import ORDERS_TOTAL
from . import selectors, services
from .serializers import EmptyInput, OrderInput, OrderOutput, OrderQuery

PATH = "/v1/orders"
READ = Access("orders:read")
WRITE = Access("orders:write")


class OrderListApi(ApiView):
    access: ClassVar = {"GET": READ, "POST": WRITE}

    def get(self, request: Request) -> HttpResponse:
        page = PageRequest.of(PATH, validated_query(request, OrderQuery))
        orders = selectors.order_list(self.principal.user, page)
        body = orders.body([OrderOutput(order).data for order in orders.items])
        return json_reply(body, headers=page.next_link(orders.next_cursor))

    def post(self, request: Request) -> HttpResponse:
        wanted = self.validated(request, OrderInput)
        lines = [services.WantedLine(**line) for line in wanted["lines"]]

        def place() -> HttpResponse:
            order = services.order_place(self.principal.user, lines)
            return json_reply(OrderOutput(order).data, 201, {"Location": f"{PATH}/{order.pk}"})

        reply = run_once(request, place)
        if is_replay(reply):
            ORDERS_TOTAL.labels("replayed").inc()
        return reply


class OrderApi(ApiView):
    access: ClassVar = {"GET": READ}

    def get(self, request: Request, id: str) -> HttpResponse:
        return json_reply(OrderOutput(selectors.order_get(self.principal.user, path_id(id))).data)


class OrderCancellationApi(ApiView):
    access: ClassVar = {"POST": WRITE}
    body_is_optional = True

    def post(self, request: Request, id: str) -> HttpResponse:
        self.validated(request, EmptyInput)
        return json_reply(OrderOutput(services.order_cancel(self.principal.user, path_id(id))).data)
