"""Announces a server on the networks of this machine by WS-Discovery."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from smbquic.wsd.interfaces import interfaces_of
from smbquic.wsd.messages import WsdMessages
from smbquic.wsd.metadata import metadata_listener
from smbquic.wsd.multicast import multicast
from smbquic.wsd.responder import WsdResponder

_log = logging.getLogger(__name__)


@asynccontextmanager
async def announced_on(hosts: list[str], name: str) -> AsyncIterator[None]:
    """Announce a server at these addresses of this machine inside the ``async with``.

    A network that refuses is no reason not to serve: the log says so.
    """
    responder = WsdResponder(WsdMessages(name, int(time.time())), time.monotonic)
    interfaces = interfaces_of(hosts)
    if not interfaces:
        _log.warning("the server is not announced by WS-Discovery: it has no address of IPv4")
    async with AsyncExitStack() as stack:
        for interface in interfaces:
            part = AsyncExitStack()
            try:
                url = await part.enter_async_context(metadata_listener(interface, responder))
                await part.enter_async_context(multicast(interface, responder, url))
            except OSError as error:
                await part.aclose()
                _log.warning(
                    "the server is not announced by WS-Discovery on %s: %s", interface.host, error
                )
            else:
                stack.push_async_callback(part.aclose)
                _log.info("announced as %s by WS-Discovery on %s", name, interface.host)
        yield
