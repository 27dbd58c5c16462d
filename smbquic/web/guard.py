"""What is checked of every request, and the headers of every response."""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smbquic.errors import UrlError
from smbquic.token_bucket import TokenBucket
from smbquic.transport.hosts import host_and_port
from smbquic.web.bounds import MAX_BODY

REQUEST_RATE = 50.0
"""Requests in a second, of all clients together; further ones wait."""
REQUEST_BURST = 50
"""Requests that are answered without waiting, after a time with none."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_log = logging.getLogger(__name__)


class Guard:
    """An application that gives requests to `app` if they are for this listener, and small enough.

    `names` are those by which it may be called, besides IP addresses and ``localhost``. A web site
    whose name resolves to this machine (DNS rebinding) has its visitors' browsers send requests
    with that name. `clock` returns seconds of a monotonic clock.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], clock: Callable[[], float]) -> None:
        self._app = app
        self._names = frozenset(name.casefold() for name in (*names, "localhost"))
        self._clock = clock
        # The request that finds the bucket empty does not wait, either.
        self._rate = TokenBucket(REQUEST_RATE, REQUEST_BURST - 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        delay = self._rate.delay(self._clock())
        if delay:
            await asyncio.sleep(delay)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._refusal(Headers(scope=scope)) or self._app
        try:
            await app(scope, receive, send_with_headers)
        except Exception:
            # The client has got an error already.
            _log.exception("a request of the web listener failed: %s", scope["path"])

    def _refusal(self, headers: Headers) -> Response | None:
        """Return the response to a request that is refused."""
        host = _host_of(headers.get("host", ""))
        if not (host in self._names or _is_address(host)):
            text = "this is no name of the web listener: add it with --web-host ([web] hosts)\n"
            return PlainTextResponse(text, 421)
        if "transfer-encoding" in headers:
            return PlainTextResponse("send the length of the request\n", 411)
        if int(headers.get("content-length", 0)) > MAX_BODY:
            return PlainTextResponse(f"a request has at most {MAX_BODY} bytes\n", 413)
        return None


def _host_of(header: str) -> str:
    """Return the host of a Host header; an empty text if it has none."""
    try:
        return host_and_port(header, 0)[0].casefold()
    except UrlError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
