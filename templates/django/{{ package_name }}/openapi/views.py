"""The description of the API, which a test holds the routes to: as data and as a page."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import drf_spectacular_sidecar
import orjson
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from ..api.replies import JSON
from ..api.views import ApiView
from ..authentication.access import PUBLIC
from ..problems.errors import NotFoundError
from .document import read

HERE = Path(__file__).parent
SWAGGER_UI = files(drf_spectacular_sidecar) / "static/drf_spectacular_sidecar/swagger-ui-dist"
# The page may load what this service serves and nothing else; Swagger UI writes styles into it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
ASSETS = {
    "swagger-ui.css": (SWAGGER_UI, "text/css"),
    "swagger-ui-bundle.js": (SWAGGER_UI, "text/javascript"),
    "docs.js": (HERE, "text/javascript"),
}


@cache
def _asset(name: str) -> bytes:
    folder, _ = ASSETS[name]
    return (folder / name).read_bytes()


class DocumentationApi(ApiView):
    access: ClassVar = {"GET": PUBLIC}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not settings.ENV.docs_enabled:
            raise NotFoundError
        super().initial(request, *args, **kwargs)


class OpenApiApi(DocumentationApi):
    document = orjson.dumps(read())

    def get(self, _request: Request) -> HttpResponse:
        return HttpResponse(self.document, content_type=JSON)


class DocsApi(DocumentationApi):
    page = (HERE / "docs.html").read_bytes()

    def get(self, _request: Request) -> HttpResponse:
        return HttpResponse(
            self.page,
            content_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
        )


class DocsAssetApi(DocumentationApi):
    def get(self, _request: Request, name: str) -> HttpResponse:
        if name not in ASSETS:
            raise NotFoundError
        return HttpResponse(_asset(name), content_type=ASSETS[name][1])
