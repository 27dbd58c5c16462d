"""Our server: ``python -m benchmarks.ends.server OPTIONS``, a JSON object; see `EndOptions`.

Prints {"ready": URL}, and serves until SIGTERM. For each line on its standard input it prints
{"lost": PACKETS}: how many its QUIC connections have taken for lost so far.
"""

import asyncio
import json
import os
import sys
from typing import Any

import uvloop

from benchmarks.ends.options import SHARE, USER, EndOptions
from smbquic import EncryptionOverQuic, EncryptionPolicy, serve, stop_signal


def emit(**document: Any) -> None:
    """One line for whoever started us."""
    print(json.dumps(document), flush=True)


async def main(options: EndOptions) -> None:
    """Serve the folder until somebody asks for the end."""
    sealed = options.encrypt or options.double
    async with serve(
        {SHARE: options.folder},
        {USER: options.password},
        [f"{options.transport}://{options.host}:{options.port}"],
        certificate=options.certificate,
        key=options.key,
        server_name="bench",
        encryption=EncryptionPolicy.REQUIRED if sealed else EncryptionPolicy.ALLOWED,
        encryption_over_quic=(
            EncryptionOverQuic.ALLOW if options.double else EncryptionOverQuic.SKIP
        ),
        engine=options.engine,
        congestion=options.congestion,
    ) as serving:

        def tell() -> None:
            if os.read(sys.stdin.fileno(), 64):
                emit(lost=serving.status()["listeners"][0]["lost_packets"] or 0)
            else:
                loop.remove_reader(sys.stdin.fileno())

        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), tell)
        emit(ready=serving.listeners[0])
        await stop_signal()


if __name__ == "__main__":
    uvloop.run(main(EndOptions(**json.loads(sys.argv[1]))))
