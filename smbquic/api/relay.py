"""The function that relays TCP connections to a server, over QUIC if its URL says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smbquic.api.listen import ListenAddress, listening_on
from smbquic.client.transports import transport_connector
from smbquic.client.url import SmbUrl
from smbquic.errors import UrlError
from smbquic.gateway.relay import Relay
from smbquic.options.client import RelayOptions
from smbquic.options.keywords import keywords


@keywords(RelayOptions)
@asynccontextmanager
async def relay(url: SmbUrl | str, options: RelayOptions) -> AsyncIterator[str]:
    """Relay every connection to `listen` to the server of `url`; yield the URL of the listener.

    The server is connected to once before, so that a wrong name or certificate is an error at once.
    The options are those of `RelayOptions`. Raises what `open_connection` does, and `ListenError`
    for an address that cannot be had.
    """
    url = SmbUrl.parse(url) if isinstance(url, str) else url
    address = ListenAddress.parse(options.listen)
    if address.transport != "tcp":
        raise UrlError(f"{options.listen!r}: a relay listens on tcp://HOST:PORT")
    upstream = transport_connector(url, options)
    trial = await upstream()
    trial.close("checking that the server can be reached")
    await trial.wait_closed()
    with listening_on(address):
        running = await Relay.start(address.host, address.port, upstream)
    try:
        yield running.url
    finally:
        await running.close()
