from typing import ClassVar

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from ..api.addresses import client_address
from ..api.pagination import PageRequest
from ..api.queries import ListQuery, validated_query
from ..api.replies import empty_reply, json_reply
from ..api.views import ApiView, path_id
from . import selectors, services
from .access import PUBLIC, TOKEN, Access
from .serializers import (
    ApiKeyInput,
    ApiKeyOutput,
    CredentialsInput,
    LogoutInput,
    PasswordChangeInput,
    RefreshInput,
    RegistrationInput,
    UserOutput,
    UserPatchInput,
)
from .tokens import key_set


class RegisterApi(ApiView):
    access: ClassVar = {"POST": PUBLIC}

    def post(self, request: Request) -> HttpResponse:
        user = services.user_register(**self.validated(request, RegistrationInput))
        return json_reply(UserOutput(user).data, 201, {"Location": "/v1/me"})


class LoginApi(ApiView):
    access: ClassVar = {"POST": PUBLIC}

    def post(self, request: Request) -> HttpResponse:
        credentials = self.validated(request, CredentialsInput)
        return _tokens(services.session_open(**credentials, address=client_address(request.META)))


class RefreshApi(ApiView):
    access: ClassVar = {"POST": PUBLIC}

    def post(self, request: Request) -> HttpResponse:
        return _tokens(services.session_refresh(**self.validated(request, RefreshInput)))


class LogoutApi(ApiView):
    access: ClassVar = {"POST": TOKEN}
    body_is_optional = True

    def post(self, request: Request) -> HttpResponse:
        wanted = self.validated(request, LogoutInput)
        services.session_end(self.principal, all_sessions=wanted["all"])
        return empty_reply()


class MeApi(ApiView):
    access: ClassVar = {"GET": Access("profile:read"), "PATCH": TOKEN}

    def get(self, _request: Request) -> HttpResponse:
        return json_reply(UserOutput(self.principal.user).data)

    def patch(self, request: Request) -> HttpResponse:
        user = services.user_update(self.principal.user, **self.validated(request, UserPatchInput))
        return json_reply(UserOutput(user).data)


class PasswordApi(ApiView):
    access: ClassVar = {"POST": TOKEN}

    def post(self, request: Request) -> HttpResponse:
        services.user_change_password(
            self.principal, **self.validated(request, PasswordChangeInput)
        )
        return empty_reply()


class ApiKeyListApi(ApiView):
    access: ClassVar = {"GET": TOKEN, "POST": TOKEN}

    def get(self, request: Request) -> HttpResponse:
        query = validated_query(request, ListQuery)
        page = PageRequest("/v1/api-keys", sort="-created_at", filters={}, **query)
        keys = selectors.api_key_list(self.principal.user, page)
        items = [ApiKeyOutput(key).data for key in keys.items]
        return json_reply(keys.body(items), headers=page.next_link(keys.next_cursor))

    def post(self, request: Request) -> HttpResponse:
        wanted = self.validated(request, ApiKeyInput)
        key, secret = services.api_key_create(self.principal, **wanted)
        body = {**ApiKeyOutput(key).data, "key": secret}
        return json_reply(body, 201, {"Location": f"/v1/api-keys/{key.pk}"})


class ApiKeyApi(ApiView):
    access: ClassVar = {"GET": TOKEN, "DELETE": TOKEN}

    def get(self, request: Request, id: str) -> HttpResponse:
        return json_reply(
            ApiKeyOutput(selectors.api_key_get(self.principal.user, path_id(id))).data
        )

    def delete(self, request: Request, id: str) -> HttpResponse:
        services.api_key_delete(self.principal.user, path_id(id))
        return empty_reply()


class KeySetApi(ApiView):
    access: ClassVar = {"GET": PUBLIC}

    def get(self, _request: Request) -> HttpResponse:
        return json_reply(key_set(), headers={"Cache-Control": "public, max-age=300"})


def _tokens(tokens: services.Tokens) -> HttpResponse:
    return json_reply(
        {
            "access_token": tokens.access_token,
            "token_type": "Bearer",
            "expires_in": settings.ENV.auth_access_ttl_seconds,
            "refresh_token": tokens.refresh_token,
        }
    )
