"""Our server: ``python -m benchmarks.ends.server OPTIONS``, a JSON object; see `EndOptions`.

Prints {"ready": URL}, and serves until SIGTERM. For each line on its standard input it prints
{"lost": PACKETS}: how many its QUIC connections have taken for lost so far.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.ends import losses
from benchmarks.ends.options import SHARE, USER, EndOptions
from smbquic.auth.acceptor import Authenticator
from smbquic.auth.users import UserStore
from smbquic.cli.loop import run, stop_signal
from smbquic.protocol.settings import EncryptionOverQuic, EncryptionPolicy, ServerSettings
from smbquic.server.server import CAPABILITIES, Server, Share
from smbquic.storage.local import LocalStorage
from smbquic.transport import quic, tcp
from smbquic.transport.base import Listener, MessageTransport
from smbquic.transport.quic import QuicOptions, ServerTls


def emit(**document: Any) -> None:
    """One line for whoever started us."""
    print(json.dumps(document), flush=True)


async def serve(options: EndOptions) -> None:
    """Serve the folder until somebody asks for the end."""
    users = UserStore()
    users.add(USER, options.password)
    encrypt = options.encrypt or options.double
    settings = ServerSettings(
        guid=os.urandom(16),
        encryption=EncryptionPolicy.REQUIRED if encrypt else EncryptionPolicy.ALLOWED,
        encryption_over_quic=(
            EncryptionOverQuic.ALLOW if options.double else EncryptionOverQuic.SKIP
        ),
        capabilities=CAPABILITIES,
    )
    storage = LocalStorage(Path(options.folder))
    server = Server([Share(SHARE, storage)], Authenticator(users, server_name="bench"), settings)
    taken: list[MessageTransport] = []

    async def on_connection(transport: MessageTransport) -> None:
        taken.append(transport)
        await server.serve(transport)

    def tell() -> None:
        if os.read(sys.stdin.fileno(), 64):
            emit(lost=sum(map(losses.lost_packets, taken)))
        else:
            loop.remove_reader(sys.stdin.fileno())

    losses.count()
    listener: Listener
    if options.transport == "tcp":
        listener = await tcp.listen(options.host, options.port, on_connection)
    else:
        listener = await quic.listen(
            options.host,
            options.port,
            on_connection,
            certificate=ServerTls(Path(options.certificate), Path(options.key)),
            options=QuicOptions(engine=options.engine, congestion=options.congestion),
        )
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), tell)
    emit(ready=listener.url)
    await stop_signal()
    await server.close()
    await listener.close()
    storage.close()


if __name__ == "__main__":
    run(serve(EndOptions(**json.loads(sys.argv[1]))))
