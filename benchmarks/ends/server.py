"""Our server: ``python -m benchmarks.ends.server OPTIONS``, a JSON object; see `EndOptions`.

Prints {"ready": URL, "token": TOKEN}, where the token is the one that its status page asks for, and
serves until SIGTERM. For each line on its standard input it prints
{"lost": PACKETS}: how many packets its QUIC connections have declared lost so far.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.ends.options import SHARE, USER, EndOptions
from benchmarks.ends.process import emit, raise_descriptor_limit
from smbquic import (
    EncryptionOverQuic,
    EncryptionPolicy,
    IdentityFiles,
    Limits,
    WebOptions,
    serve,
    stop_signal,
)

MAX_CONNECTIONS = 1 << 16
"""More than any measurement opens; all of them are one user's, and come from one address."""


def _certificates(options: EndOptions) -> dict[str, Any]:
    """Return one certificate, or two for two names, with which clients have to show theirs."""
    if not options.other_certificate:
        return {"certificate": options.certificate, "key": options.key}
    own = IdentityFiles(
        certificate=Path(options.certificate),
        key=Path(options.key),
        default=True,
        client_ca=Path(options.client_ca),
    )
    other = IdentityFiles(
        certificate=Path(options.other_certificate),
        key=Path(options.other_key),
        names=("other.example",),
        client_ca=Path(options.client_ca),
    )
    return {"certificates": (own, other)}


async def main(options: EndOptions) -> None:
    """Serve the folder until SIGTERM."""
    encrypted = options.encrypt or options.double
    async with serve(
        {SHARE: options.folder},
        {USER: options.password},
        [f"{options.transport}://{options.host}:{options.port}"],
        **_certificates(options),
        server_name="bench",
        encryption=EncryptionPolicy.REQUIRED if encrypted else EncryptionPolicy.ALLOWED,
        encryption_over_quic=(
            EncryptionOverQuic.ALLOW if options.double else EncryptionOverQuic.SKIP
        ),
        limits=Limits(
            connections=MAX_CONNECTIONS,
            connections_of_address=MAX_CONNECTIONS,
            connections_of_user=MAX_CONNECTIONS,
            unauthenticated_share=options.unauthenticated_share,
        ),
        engine=options.engine,
        congestion=options.congestion,
        datagram_size=options.datagram_size or None,
        workers=options.workers,
        io_threads=options.io_threads,
        web=WebOptions(address=options.web or None),
    ) as serving:

        def answer() -> None:
            if os.read(sys.stdin.fileno(), 64):
                emit(lost=serving.status()["listeners"][0]["lost_packets"] or 0)
            else:
                loop.remove_reader(sys.stdin.fileno())

        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), answer)
        emit(ready=serving.listeners[0], token=serving.controls.token)
        await stop_signal()


if __name__ == "__main__":
    raise_descriptor_limit()
    uvloop.run(main(EndOptions(**json.loads(sys.argv[1]))))
