"""The base of our views: the access table, bodies, ids in paths."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast
from uuid import UUID

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.views import APIView

from ..authentication.access import Access, Principal
from ..problems.errors import MalformedRequestError, NotFoundError
from .fields import StrictSerializer
from .replies import empty_reply
from .values import UUID_TEXT


class ApiView(APIView):
    # Who may do what, by method: together, these tables are the authorization matrix.
    access: ClassVar[Mapping[str, Access]] = {}
    # Whether the body may be left out altogether.
    body_is_optional: ClassVar[bool] = False

    @property
    def principal(self) -> Principal:
        """Who calls; not known to public operations."""
        return cast("Principal", self.request.auth)

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}  # the framework would name the methods in every reply

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return empty_reply(headers={"Allow": ", ".join(sorted(self.allowed_methods))})

    def validated(self, request: Request, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The body, parsed and checked."""
        if not request.META.get("CONTENT_LENGTH", "").strip("0"):
            if self.body_is_optional:
                return serializer.check({})
            if request.content_type:
                raise MalformedRequestError("The body is empty.")
            raise UnsupportedMediaType("")
        return serializer.check(request.data)


def path_id(text: str) -> UUID:
    """An id in a path. One that cannot be is treated as one that is not."""
    if not UUID_TEXT.fullmatch(text):
        raise NotFoundError
    return UUID(text)
