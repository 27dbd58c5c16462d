"""A client, in a process, whose machine gets ten other addresses in the middle of a transfer.

    python -m tests.interop.moving_client BALANCER CA ADDRESS...

It prints a line of JSON: which gateway it has come to, how often it moved, and whether the copy is
whole and the connection still the first one. All addresses are those of the machine already; the
route to the balancer says which one is used.
"""

import asyncio
import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import smbquic
from smbquic.transport.quic.transport import QuicTransport
from tests.interop.processes import PASSWORD, SHARE, USER

CONTENT = random.Random(5).randbytes(16 << 20)


def use(balancer: str, address: str) -> None:
    """Let the machine talk to the balancer from an address."""
    route = ("ip", "route", "change", balancer, "dev", "eth0", "src", address)
    subprocess.run(route, check=True)


async def transfer(balancer: str, ca: Path, addresses: list[str]) -> None:
    use(balancer, addresses[0])
    rest = addresses[1:]
    async with smbquic.connect(
        f"smb+quic://{USER}@{balancer}/{SHARE}", password=PASSWORD, ca=ca, reconnect_timeout=0
    ) as share:
        transport = share.session.connection.transport
        assert isinstance(transport, QuicTransport)

        def progress(done: int, total: int) -> None:
            if rest and done > (len(addresses) - len(rest)) * total // (len(addresses) + 1):
                use(balancer, rest.pop(0))
                transport.connection.rebind()

        gateway = (await share.read_bytes("gateway")).decode()
        await share.put("original", "copy", progress=progress)
        copy = await share.read_bytes("copy")
        report = {
            "gateway": gateway,
            "moves": len(addresses) - 1 - len(rest),
            "whole": hashlib.sha256(copy).digest() == hashlib.sha256(CONTENT).digest(),
            "same connection": share.session.connection.transport is transport,
        }
        print(json.dumps(report))


if __name__ == "__main__":
    Path("original").write_bytes(CONTENT)
    asyncio.run(transfer(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
