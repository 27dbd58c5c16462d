"""QUIC handshakes one after another, without SMB.

    python -m benchmarks.ends.handshakes ENGINE HOST PORT COUNT CA

Each is a full one, with a verified certificate, and its connection is closed at once. Prints what
they cost this process, as JSON.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.usage import Stopwatch
from smbquic.options.quic import EngineName
from smbquic.pki import Purpose, Trust, verify
from smbquic.transport.quic import ClientTls, QuicOptions, connect


async def shake(engine: EngineName, host: str, port: int, count: int, ca: Path) -> Stopwatch:
    """Connect `count` times, after one connection that pays for what is set up once."""
    roots, options = Trust.load(ca), QuicOptions(engine=engine)

    def check(chain: Sequence[bytes], name: str) -> None:
        verify(chain, Purpose.SERVER, roots, name=name)

    async def once() -> None:
        # A cache of its own, so that nothing is resumed.
        transport = await connect(host, port, trust=ClientTls(ca=ca, verify=check), options=options)
        transport.close()
        await transport.wait_closed()

    await once()
    with Stopwatch() as stopwatch:
        for _ in range(count):
            await once()
    return stopwatch


def main() -> None:
    """See the module's docstring."""
    engine, host, port, count, ca = sys.argv[1:]
    done = shake(cast(EngineName, engine), host, int(port), int(count), Path(ca))
    print(json.dumps(uvloop.run(done).report()))


if __name__ == "__main__":
    main()
