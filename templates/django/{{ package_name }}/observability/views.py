import secrets
from typing import ClassVar

from django.conf import settings
from django.http import HttpResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from rest_framework.request import Request

from ..api.views import ApiView
from ..authentication.access import PUBLIC
from ..authentication.credentials import bearer_token
from ..problems.errors import InvalidTokenError, NoCredentialError
from .metrics import render_metrics


class MetricsApi(ApiView):
    access: ClassVar = {"GET": PUBLIC}

    def get(self, request: Request) -> HttpResponse:
        if expected := settings.ENV.metrics_token:
            token = bearer_token(request)
            if token is None:
                raise NoCredentialError
            if not secrets.compare_digest(token.encode(), expected.encode()):
                raise InvalidTokenError
        return HttpResponse(render_metrics(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
