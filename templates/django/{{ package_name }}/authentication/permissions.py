"""Who may come in: a view's `access` table says it by method. What says nothing is closed."""

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request

from .access import PUBLIC, Access, Principal

if TYPE_CHECKING:
    from rest_framework.views import APIView


class DeclaredAccess(BasePermission):
    """The default permission. A view may add others to it, or name others in its place."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method not in view.allowed_methods:
            raise MethodNotAllowed(str(request.method))
        access = access_of(view, request.method)
        principal = request.auth if isinstance(request.auth, Principal) else None
        return access is not None and access.admits(principal)


def access_of(view: "APIView | type[APIView]", method: str | None) -> Access | None:
    if method == "OPTIONS":
        return PUBLIC
    table: dict[str, Access] = getattr(view, "access", {})
    return table.get("GET" if method == "HEAD" else str(method))


def is_public(view: "APIView", method: str | None) -> bool:
    """Whether anyone may come in, or be told that the method does not work: then credentials are
    not looked at."""
    if DeclaredAccess in view.permission_classes:
        if method not in view.allowed_methods:
            return True
        access = access_of(view, method)
        return access is not None and access.public
    return all(permission is AllowAny for permission in view.permission_classes)
