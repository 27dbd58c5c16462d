"""Our server with what the command line does not offer: the size of datagrams.

    serve.py OPTIONS      a JSON object; see `Options`

Prints {"quic": PORT, "tcp": PORT}, serves until SIGTERM.
"""

import json
import resource
import sys
from dataclasses import dataclass
from typing import Literal

import uvloop

import smbquic
from smbquic import EncryptionPolicy, Limits, stop_signal

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
    async with smbquic.serve(
        {"data": options.share},
        {options.user: options.password},
        [f"quic://{options.host}:0", f"tcp://{options.host}:0"],
        certificate=options.certificate,
        key=options.key,
        server_name="bench",
        encryption=EncryptionPolicy.REQUIRED if options.encrypt else EncryptionPolicy.ALLOWED,
        limits=Limits(connections=MAX_CONNECTIONS, connections_of_address=MAX_CONNECTIONS),
        engine=options.engine,
        datagram_size=options.datagram_size or None,
    ) as serving:
        ports = {url.partition(":")[0]: int(url.rpartition(":")[2]) for url in serving.listeners}
        print(json.dumps(ports), flush=True)
        await stop_signal()


def main() -> None:
    """See the module's docstring."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(serve(Options(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
