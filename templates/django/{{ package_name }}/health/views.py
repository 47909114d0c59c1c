from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from ..api.replies import json_reply
from ..api.views import ApiView
from ..authentication.access import PUBLIC
from ..problems.replies import problem_reply
from .checks import readiness
from .lifecycle import is_draining


class LivenessApi(ApiView):
    access: ClassVar = {"GET": PUBLIC}

    def get(self, _request: Request) -> HttpResponse:
        return json_reply({"status": "ok"})


class ReadinessApi(ApiView):
    access: ClassVar = {"GET": PUBLIC}

    def get(self, _request: Request) -> HttpResponse:
        checks = readiness()
        if is_draining():
            return problem_reply(503, "The service is stopping.", members={"checks": checks})
        # What else is down is told, but the service goes on without it.
        if checks["database"] == "fail":
            return problem_reply(503, "The database is down.", members={"checks": checks})
        return json_reply({"status": "ok", "checks": checks})
