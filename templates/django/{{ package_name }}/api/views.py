"""The base of all views: who may come in, in which order that is checked, what a body must be."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast
from uuid import UUID

from rest_framework.exceptions import MethodNotAllowed, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from ..authentication.access import PUBLIC, Access, Principal
from ..problems.errors import MalformedRequestError, NotFoundError, UnsupportedMediaTypeError
from ..rate_limiting.limiter import count_request
from .fields import StrictSerializer
from .parsers import MergePatchParser, StrictJSONParser
from .replies import empty_reply
from .values import UUID_TEXT


class ApiView(APIView):
    # Who may do what, by method: together, these tables are the authorization matrix.
    access: ClassVar[Mapping[str, Access]] = {}
    # Whether the body may be left out altogether.
    body_is_optional: ClassVar[bool] = False
    # Who calls; not known to public operations.
    principal: Principal

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}  # the framework would name the methods in every reply

    def get_parsers(self) -> list[BaseParser]:
        if self.request.method == "PATCH":
            return [StrictJSONParser(), MergePatchParser()]
        return [StrictJSONParser()]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Method, credentials, rate limit, rights: in this order, and before the body is read."""
        if request.method == "OPTIONS":
            return
        method = "GET" if request.method == "HEAD" else str(request.method)
        access = self.access.get(method)
        if access is None:
            raise MethodNotAllowed(method)
        if access is PUBLIC:
            count_request(request, None)
            return
        self.principal = cast("Principal", request.auth)
        count_request(request, self.principal)
        access.check(self.principal)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return empty_reply(headers={"Allow": ", ".join(sorted(self.allowed_methods))})

    def validated(self, request: Request, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The body, parsed and checked."""
        if not request.META.get("CONTENT_LENGTH", "").strip("0"):
            if self.body_is_optional:
                return serializer.check({})
            if request.content_type:
                raise MalformedRequestError("The body is empty.")
            raise self._unsupported()
        try:
            return serializer.check(request.data)
        except UnsupportedMediaType:
            raise self._unsupported() from None

    def _unsupported(self) -> UnsupportedMediaTypeError:
        accept = ", ".join(str(parser.media_type) for parser in self.get_parsers())
        return UnsupportedMediaTypeError(headers={"Accept": accept})


def path_id(text: str) -> UUID:
    """An id in a path. One that cannot be is treated as one that is not."""
    if not UUID_TEXT.fullmatch(text):
        raise NotFoundError
    return UUID(text)
