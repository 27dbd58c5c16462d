"""The function that relays TCP connections to a server, over QUIC if its URL says so."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY
from typing import Annotated

from smbquic.api.listen import ListenAddress, listening_on
from smbquic.client.transports import transport_connector
from smbquic.client.url import SmbUrl
from smbquic.errors import UrlError
from smbquic.gateway.relay import Relay, connect_first
from smbquic.lazy_dataclass import dataclass
from smbquic.options.client import RelayOptions
from smbquic.options.keywords import keywords
from smbquic.options.model import Option
from smbquic.transport.base import MessageTransport


@dataclass(frozen=True)
class RelayKeywords(RelayOptions):
    """The options of a relay, and who is told when the server is lost."""

    _: KW_ONLY
    on_lost: Annotated[
        Callable[[str], object] | None,
        Option("Called with a sentence when the server has ended a connection, or has none."),
    ] = None


@keywords(RelayKeywords)
@asynccontextmanager
async def relay(
    url: SmbUrl | str | Sequence[SmbUrl | str], options: RelayKeywords
) -> AsyncIterator[str]:
    """Relay every connection to `listen` to the server of `url`; yield the URL of the listener.

    Of several servers, each connection goes to the first that can be connected to. One is connected
    to once before, so that a wrong name or certificate is an error at once. The options are those
    of `RelayOptions`. Raises what `open_connection` does, and `ListenError` for an address that
    cannot be had.
    """
    given = [url] if isinstance(url, SmbUrl | str) else url
    urls = [SmbUrl.parse(each) if isinstance(each, str) else each for each in given]
    address = ListenAddress.parse(options.listen)
    if address.transport != "tcp":
        raise UrlError(f"{options.listen!r}: a relay listens on tcp://HOST:PORT")
    servers = [transport_connector(each, options) for each in urls]

    async def upstream() -> MessageTransport:
        return await connect_first(servers)

    trial = await upstream()
    trial.close("checking that the server can be reached")
    await trial.wait_closed()
    with listening_on(address):
        running = await Relay.start(address.host, address.port, upstream, on_lost=options.on_lost)
    try:
        yield running.url
    finally:
        await running.close()
