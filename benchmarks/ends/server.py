"""Our server: ``python -m benchmarks.ends.server OPTIONS``, a JSON object; see `EndOptions`.

Prints {"ready": URL}, and serves until SIGTERM.
"""

import json
import os
import sys
from pathlib import Path

from benchmarks.ends.options import SHARE, USER, EndOptions
from smbquic.auth.acceptor import Authenticator
from smbquic.auth.users import UserStore
from smbquic.cli.loop import run, stop_signal
from smbquic.protocol.settings import EncryptionPolicy, ServerSettings
from smbquic.server.server import CAPABILITIES, Server, Share
from smbquic.storage.local import LocalStorage
from smbquic.transport import quic, tcp
from smbquic.transport.base import Listener
from smbquic.transport.quic import QuicOptions, ServerTls


async def serve(options: EndOptions) -> None:
    """Serve the folder until somebody asks for the end."""
    users = UserStore()
    users.add(USER, options.password)
    encrypt = options.encrypt or options.double
    settings = ServerSettings(
        guid=os.urandom(16),
        encryption=EncryptionPolicy.REQUIRED if encrypt else EncryptionPolicy.ALLOWED,
        skip_encryption_over_quic=not options.double,
        capabilities=CAPABILITIES,
    )
    storage = LocalStorage(Path(options.folder))
    server = Server([Share(SHARE, storage)], Authenticator(users, server_name="bench"), settings)
    listener: Listener
    if options.transport == "tcp":
        listener = await tcp.listen(options.host, options.port, server.serve)
    else:
        listener = await quic.listen(
            options.host,
            options.port,
            server.serve,
            certificate=ServerTls(Path(options.certificate), Path(options.key)),
            options=QuicOptions(
                engine=options.engine,
                congestion=options.congestion,
                datagram_size=options.datagram_size or None,
            ),
        )
    print(json.dumps({"ready": listener.url}), flush=True)
    await stop_signal()
    await server.close()
    await listener.close()
    storage.close()


if __name__ == "__main__":
    run(serve(EndOptions(**json.loads(sys.argv[1]))))
