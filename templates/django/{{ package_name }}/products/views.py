import hashlib
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.http import HttpResponse
from rest_framework.request import Request

from ..api.conditions import expected_versions, is_current, version_tag
from ..api.pagination import PageRequest
from ..api.queries import validated_query
from ..api.replies import JSON, empty_reply, json_reply
from ..api.views import ApiView, path_id
from ..authentication.access import ADMIN, PUBLIC, Access
from . import selectors, services
from .cache import CachedReply, cached
from .models import Product
from .serializers import ProductInput, ProductOutput, ProductPatchInput, ProductQuery

PATH = "/v1/products"
WRITE = Access("products:write", role=ADMIN)


class ProductListApi(ApiView):
    access: ClassVar = {"GET": PUBLIC, "POST": WRITE}

    def get(self, request: Request) -> HttpResponse:
        page = PageRequest.of(PATH, validated_query(request, ProductQuery))
        name = orjson.dumps(
            [page.sort, page.limit, page.cursor, page.filters], option=orjson.OPT_SORT_KEYS
        )
        return _catalogue_reply(request, cached(f"list:{name.decode()}", lambda: _load_list(page)))

    def post(self, request: Request) -> HttpResponse:
        product = services.product_create(**self.validated(request, ProductInput))
        return _product_reply(product, 201, {"Location": f"{PATH}/{product.pk}"})


class ProductApi(ApiView):
    access: ClassVar = {"GET": PUBLIC, "PATCH": WRITE, "DELETE": WRITE}

    def get(self, request: Request, id: str) -> HttpResponse:
        product_id = path_id(id)
        return _catalogue_reply(
            request, cached(f"item:{product_id}", lambda: _load_item(product_id))
        )

    def patch(self, request: Request, id: str) -> HttpResponse:
        changes = self.validated(request, ProductPatchInput)
        expected = expected_versions(request)
        return _product_reply(
            services.product_update(path_id(id), expected=expected, changes=changes)
        )

    def delete(self, request: Request, id: str) -> HttpResponse:
        services.product_delete(path_id(id), expected=expected_versions(request))
        return empty_reply()


def _product_reply(
    product: Product, status: int = 200, headers: dict[str, str] | None = None
) -> HttpResponse:
    etag = {"ETag": version_tag(product.version)}
    return json_reply(ProductOutput(product).data, status, {**etag, **(headers or {})})


def _load_list(page: PageRequest) -> CachedReply:
    products = selectors.product_list(page)
    body = orjson.dumps(products.body([ProductOutput(product).data for product in products.items]))
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return CachedReply({"ETag": etag, **page.next_link(products.next_cursor)}, body)


def _load_item(product_id: UUID) -> CachedReply:
    product = selectors.product_get(product_id)
    return CachedReply(
        {"ETag": version_tag(product.version)}, orjson.dumps(ProductOutput(product).data)
    )


def _catalogue_reply(request: Request, reply: CachedReply) -> HttpResponse:
    """May be stored by anyone, but must be asked for again each time."""
    headers: dict[str, Any] = {**reply.headers, "Cache-Control": "public, no-cache"}
    if is_current(request, reply.headers["ETag"]):
        return empty_reply(304, headers)
    return HttpResponse(reply.body, content_type=JSON, headers=headers)
