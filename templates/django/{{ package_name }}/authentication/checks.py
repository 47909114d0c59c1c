"""Refuses to start with a route that does not say who may use it."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from .access import Access
from .permissions import DeclaredAccess, access_of


@register("access")
def check_access(**_: object) -> list[CheckMessage]:
    return [
        Error(
            f"/{path}: {method} declares no access",
            hint="Name it in the view's `access` table, or give the view `permission_classes`. "
            "A view that is not of Django REST framework can only be public: set its `access` "
            "to PUBLIC.",
            id="access.E001",
        )
        for path, callback in routes(get_resolver())
        for method in _undeclared(callback)
    ]


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        path = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, entry.callback


def handled_methods(callback: Any) -> list[str]:
    """What a route answers to, HEAD and OPTIONS aside."""
    view = callback.cls
    actions = getattr(callback, "actions", None)  # of a viewset
    names = actions or [name for name in view.http_method_names if hasattr(view, name)]
    return [name.upper() for name in names if name not in {"head", "options"}]


def _undeclared(callback: Any) -> list[str]:
    view = getattr(callback, "cls", None)
    if view is None or not issubclass(view, APIView):
        access = getattr(getattr(callback, "view_class", callback), "access", None)
        return [] if isinstance(access, Access) and access.public else ["each method"]
    permissions = callback.initkwargs.get("permission_classes", view.permission_classes)
    names_own = permissions and DeclaredAccess not in permissions
    if names_own or view.get_permissions is not APIView.get_permissions:
        return []
    return [method for method in handled_methods(callback) if not access_of(view, method)]
