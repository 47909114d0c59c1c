"""Bodies without a length, which Django takes for empty."""

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ChunkedBodies:
    """WSGI middleware: reads a chunked body, though not beyond the limit, and gives it a length."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING") and "CONTENT_LENGTH" not in environ:
            limit = settings.ENV.max_body_bytes
            try:
                # One byte beyond the limit tells that there is more than the limit.
                body = environ["wsgi.input"].read(limit + 1)
                environ["wsgi.input"] = io.BytesIO(body)
                environ["CONTENT_LENGTH"] = str(len(body))
            except OSError as error:
                environ["wsgi.input"] = _BrokenInput(error)
                environ["CONTENT_LENGTH"] = str(limit)
        return self.application(environ, start_response)


class _BrokenInput(io.RawIOBase):
    """Who wants to read the body meets the error where errors become replies."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def read(self, _size: int = -1) -> bytes:
        raise self.error
