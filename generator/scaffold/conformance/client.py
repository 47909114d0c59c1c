"""The HTTP client of the checks: a thin layer over httpx that records every exchange."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from json import dumps
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx

from scaffold.conformance.exchange import Recorder, Reply
from scaffold.conformance.raw import RawConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager


T = TypeVar("T")


class _Missing:
    """Marks a request without a body, as opposed to the body `null`."""


MISSING: Final = _Missing()
_PATIENCE = 65.0


@dataclass(frozen=True)
class Api:
    """A caller of one service, with the headers that every request of its carries."""

    url: str
    recorder: Recorder
    headers: Mapping[str, str] = field(default_factory=dict)
    patient: bool = False
    """Wait when the default rate limit says so: for services whose limit is not ours to raise."""
    _http: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            timeout=30.0,
            trust_env=False,
            limits=httpx.Limits(max_connections=300, max_keepalive_connections=50, keepalive_expiry=1.0),
        ),
        repr=False,
        compare=False,
    )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def with_headers(self, **headers: str) -> Api:
        """The same caller with more headers (`x_api_key` means `X-API-Key`)."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})

    def with_token(self, token: str) -> Api:
        """The same caller with an access token."""
        return self.with_headers(Authorization=f"Bearer {token}")

    def with_key(self, key: str) -> Api:
        """The same caller with an API key."""
        return self.with_headers(X_API_Key=key)

    def request(  # noqa: PLR0913 - what an HTTP request consists of
        self,
        method: str,
        path: str,
        *,
        json: object = MISSING,
        content: bytes | str | Iterable[bytes] | None = None,
        params: Mapping[str, str | int] | Sequence[tuple[str, str | int]] | None = None,
        headers: Mapping[str, str] | Mapping[str, bytes] | Mapping[str, str | bytes] | None = None,
        media_type: str | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send a request; never raises for a status.

        Args:
            method: Sent as it is.
            path: Path, with or without a query.
            json: Body as a Python value; its Content-Type is `media_type` or application/json.
            content: Body as bytes, instead of `json`; without `media_type` it has no Content-Type.
            params: Query parameters.
            headers: Added to those of the caller; an empty value leaves a header of the caller out.
            media_type: Content-Type.
            timeout: Seconds, 30 if not given.
        """
        merged: dict[str, bytes] = {}
        if not isinstance(json, _Missing):
            content = dumps(json, ensure_ascii=False).encode("utf-8", "surrogatepass")
            media_type = media_type or "application/json"
        for name, value in (
            ("Accept-Encoding", "identity"),  # Bodies are compared as bytes, and the contract has no content coding.
            *self.headers.items(),
            ("Content-Type", media_type or ""),
            *(headers or {}).items(),
        ):
            # As UTF-8: the service has to handle what is beyond ASCII.
            merged[name.lower()] = value if isinstance(value, bytes) else value.encode()
        request = self._http.build_request(
            method,
            self.url + path,
            content=content,
            params=httpx.QueryParams(tuple(params.items()) if isinstance(params, Mapping) else tuple(params))
            if params is not None
            else None,
            headers=[(name.encode(), value) for name, value in merged.items() if value],
            timeout=self._http.timeout if timeout is None else timeout,
        )
        if not all(map(_is_sendable, merged.values())):
            return self._send_raw(request)
        patience = time.monotonic() + _PATIENCE
        while True:
            reply = self._send(request, content if isinstance(content, bytes) else b"")
            wait = reply.headers.get("retry-after", "")
            throttled = self.patient and reply.status == httpx.codes.TOO_MANY_REQUESTS and wait.isdigit()
            if not throttled or time.monotonic() + int(wait) > patience:
                return reply
            time.sleep(int(wait))

    def get(self, path: str, **options: Any) -> Reply:
        """GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, json: object = MISSING, **options: Any) -> Reply:
        """POST."""
        return self.request("POST", path, json=json, **options)

    def patch(self, path: str, json: object = MISSING, **options: Any) -> Reply:
        """PATCH."""
        return self.request("PATCH", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> Reply:
        """DELETE."""
        return self.request("DELETE", path, **options)

    def _send_raw(self, request: httpx.Request) -> Reply:
        """Send a request that httpx refuses to send, such as one with a header that ends in a space."""
        with RawConnection(request.url.host, request.url.port or 80, self.recorder) as connection:
            target = request.url.raw_path.decode("ascii")
            headers = {name: value for name, value in request.headers.items() if name not in ("content-length", "host")}
            connection.request(request.method, target, headers, request.read())
            return connection.reply(head=request.method == "HEAD")

    def _send(self, request: httpx.Request, body: bytes) -> Reply:
        started = time.monotonic()
        response = self._http.send(request)
        reply = Reply(
            method=request.method,
            path=request.url.raw_path.decode("ascii"),
            request_headers=request.headers,
            request_body=body,
            status=response.status_code,
            reason=response.reason_phrase,
            headers=response.headers,
            body=response.content,
            seconds=time.monotonic() - started,
        )
        self.recorder.add(reply)
        return reply


def _is_sendable(value: bytes) -> bool:
    """Whether httpx sends a header's value unchanged (RFC 9110 §5.5: no whitespace around it)."""
    return value == value.strip(b" \t")


def meanwhile(block: AbstractContextManager[None], call: Callable[[], T]) -> T:
    """Make a call that waits for a lock, release the lock, and return the result of the call.

    Raises:
        AssertionError: The call did not wait.
    """
    with ThreadPoolExecutor(1) as pool:
        with block:
            future = pool.submit(call)
            time.sleep(0.4)
            waited = not future.done()
        result = future.result()
    assert waited, f"the request did not wait for what another transaction had changed: {result}"
    return result


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls at the same time; the results in the calls' order."""
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
