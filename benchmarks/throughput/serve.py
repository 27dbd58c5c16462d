"""Our server with what the command line does not offer: the engine, and the size of datagrams.

    serve.py OPTIONS      a JSON object; see `Options`

Prints {"quic": PORT, "tcp": PORT}, serves until SIGTERM.
"""

import json
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smbquic.auth.acceptor import Authenticator
from smbquic.auth.users import UserStore
from smbquic.cli.loop import run, stop_signal
from smbquic.protocol.settings import EncryptionPolicy, ServerSettings
from smbquic.server.server import CAPABILITIES, Server, Share
from smbquic.storage.local import LocalStorage
from smbquic.transport import quic, tcp
from smbquic.transport.quic import QuicOptions, ServerTls

MAX_CONNECTIONS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`datagram_size` 0 leaves it to the transport."""

    host: str
    share: str
    user: str
    password: str
    certificate: str
    key: str
    engine: Literal["aioquic", "qh3"] = "qh3"
    datagram_size: int = 0
    encrypt: bool = False


async def serve(options: Options) -> None:
    """Listen on both transports, on free ports."""
    users = UserStore()
    users.add(options.user, options.password)
    settings = ServerSettings(
        guid=os.urandom(16),
        encryption=EncryptionPolicy.REQUIRED if options.encrypt else EncryptionPolicy.ALLOWED,
        capabilities=CAPABILITIES,
    )
    storage = LocalStorage(Path(options.share))
    server = Server([Share("data", storage)], Authenticator(users, server_name="bench"), settings)
    over_quic = await quic.listen(
        options.host,
        0,
        server.serve,
        certificate=ServerTls(Path(options.certificate), Path(options.key)),
        max_connections=MAX_CONNECTIONS,
        options=QuicOptions(
            engine=options.engine,
            datagram_size=options.datagram_size or None,
            max_half_open=MAX_CONNECTIONS,
        ),
    )
    over_tcp = await tcp.listen(options.host, 0, server.serve, max_connections=MAX_CONNECTIONS)
    ports = {
        "quic": int(over_quic.url.rpartition(":")[2]),
        "tcp": int(over_tcp.url.rpartition(":")[2]),
    }
    print(json.dumps(ports), flush=True)
    await stop_signal()
    await server.close()
    await over_quic.close()
    await over_tcp.close()
    storage.close()


def main() -> None:
    """See the module's docstring."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    run(serve(Options(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
