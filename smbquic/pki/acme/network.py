"""The HTTPS connections to an ACME server, whose every answer is bounded in size and in time."""

import io
import socket
import ssl
import weakref
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
import urllib3
from acme import messages
from acme.client import ClientNetwork, ClientV2
from josepy.jwa import ES256
from josepy.jwk import JWK
from requests.adapters import HTTPAdapter

USER_AGENT = "smbquic"
REQUEST_TIMEOUT = 20
"""Seconds without a byte from the ACME server."""
MAX_RESPONSE = 1 << 18
"""Bytes of a response."""
NONCE_ATTEMPTS = 10
"""How often a request is sent whose nonce the server refuses."""
LONGEST_POLL = 10.0
"""Seconds between two questions about an order, also if the server asks for more."""
_CHUNK = 1 << 14


class AcmeSockets:
    """The sockets to an ACME server, which another thread can end at any time."""

    def __init__(self) -> None:
        self.ended = False
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def add(self, link: socket.socket) -> None:
        """Add a socket that is connected."""
        self._sockets.add(link)
        if self.ended:
            _shut_down(link)

    def end(self) -> None:
        """End all connections: whoever waits for an answer gets an error."""
        self.ended = True
        for link in list(self._sockets):
            _shut_down(link)


def _shut_down(link: socket.socket) -> None:
    with suppress(OSError):
        # Not SSLSocket's own method, which takes the TLS state from under a reader.
        socket.socket.shutdown(link, socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """An adapter of requests that trusts the system's authorities too, and notes its sockets."""

    def __init__(self, sockets: AcmeSockets, *, system_authorities: bool) -> None:
        class TrackedConnection(urllib3.connection.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                assert self.sock is not None
                sockets.add(self.sock)

        class TrackedPool(urllib3.HTTPSConnectionPool):
            ConnectionCls = TrackedConnection

        self._pools = {"http": urllib3.HTTPConnectionPool, "https": TrackedPool}
        self._context = ssl.create_default_context() if system_authorities else None
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*arguments, ssl_context=self._context, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


class _Session(requests.Session):
    """A session of requests that speaks HTTPS only, follows nothing, and reads so much.

    `retry_after` are the seconds that the last refusal asked us to wait.
    """

    def __init__(self, sockets: AcmeSockets, *, system_authorities: bool) -> None:
        super().__init__()
        self.retry_after = 0.0
        self._sockets = sockets
        self.adapters.clear()
        self.mount("https://", _Adapter(sockets, system_authorities=system_authorities))
        self.headers["Accept-Encoding"] = "identity"

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request. Raises `requests.RequestException`."""
        if self._sockets.ended:
            raise requests.ConnectionError("it was ended")
        options |= {"stream": True, "allow_redirects": False}
        response = super().request(*arguments, **options)
        body = b""
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > MAX_RESPONSE:
                response.close()
                raise requests.ConnectionError(f"the answer is longer than {MAX_RESPONSE} bytes")
        return self._received(response, body)

    def _received(self, response: requests.Response, body: bytes) -> requests.Response:
        """Return a response with its body, after what it asks us to wait is bounded."""
        kept = requests.Response()
        kept.status_code, kept.reason, kept.url = (
            response.status_code,
            response.reason,
            response.url,
        )
        kept.headers, kept.request = response.headers, response.request
        kept.raw = io.BytesIO(body)
        if "Retry-After" in kept.headers:
            at = ClientV2.retry_after(kept, 0)
            seconds = max((at - datetime.now()).total_seconds(), 0.0)
            if not kept.ok:
                self.retry_after = seconds
            elif kept.request.method == "POST":
                kept.headers["Retry-After"] = f"{min(seconds, LONGEST_POLL):.0f}"
        return kept


class BoundedNetwork(ClientNetwork):
    """The network of the package acme, over connections that can be ended, and bounded."""

    def __init__(self, key: JWK | None, ca: Path | None, sockets: AcmeSockets) -> None:
        verified: Any = True if ca is None else str(ca)
        super().__init__(
            key=key,
            alg=ES256,
            verify_ssl=verified,
            user_agent=USER_AGENT,
            timeout=REQUEST_TIMEOUT,
        )
        self.session.close()
        self.session = self._bounded = _Session(sockets, system_authorities=ca is None)

    @property
    def retry_after(self) -> float:
        """The seconds that the last refusal asked us to wait."""
        return self._bounded.retry_after

    def post(self, *arguments: Any, **options: Any) -> requests.Response:
        """Send a signed request; with another nonce if the server refuses the first."""
        for _ in range(NONCE_ATTEMPTS - 1):
            try:
                return self._post_once(*arguments, **options)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return self._post_once(*arguments, **options)
