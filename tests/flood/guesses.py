"""Wrong passwords, as many as possible: each on a connection that is closed at once."""

import os
from dataclasses import dataclass
from typing import Self

from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.errors import SmbError
from smbquic.protocol.client import ClientProtocol
from smbquic.protocol.settings import ClientSettings
from tests.flood.common import HOST, AttackTarget, Counts, again_and_again
from tests.flood.handshakes import Begin
from tests.flood.links import connect

SESSION_ID = slice(40, 48)
"""Where a message has it ([MS-SMB2] 2.2.1.2)."""


@dataclass(frozen=True, slots=True)
class Script:
    """Messages of a client with a wrong password: made once, and then sent again and again.

    The challenge is another one each time, which the answer does not care about: it is wrong.
    """

    negotiate: bytes
    first: bytes
    second: bytes

    @classmethod
    async def write(cls, target: AttackTarget) -> Self:
        """Listen to a client of ours, which wants to be the victim."""
        link = await connect(target)
        client = ClientProtocol(
            ClientSettings(client_guid=os.urandom(16)),
            quic=False,
            server_name=HOST,
            random=os.urandom,
        )
        said = []
        sent = client.negotiate()
        said.append(b"".join(sent.buffers))
        await link.send(said[-1])
        (response,) = client.receive(await link.receive())
        client.receive_negotiate_response(response)
        session, sent = client.session_setup(
            new_initiator(Credentials(target.victim, "not the password"), host=HOST)
        )
        said.append(b"".join(sent.buffers))
        await link.send(said[-1])
        (response,) = client.receive(await link.receive())
        following = client.receive_session_setup_response(session, response)
        assert following is not None
        said.append(b"".join(following.buffers))
        link.close()
        return cls(*said)

    def last(self, challenge: memoryview) -> bytes:
        """The answer to the server's challenge, as far as that matters."""
        message = bytearray(self.second)
        message[SESSION_ID] = challenge[SESSION_ID]
        return bytes(message)


async def guesses(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """Guesses the victim's password."""
    script = await Script.write(target)

    async def one() -> None:
        counts["connections"] += 1
        try:
            link = await connect(target)
        except (OSError, SmbError):
            counts["not connected"] += 1
            return
        try:
            await link.send(script.negotiate)
            await link.receive()
            await link.send(script.first)
            challenge = await link.receive()
            await link.send(script.last(challenge))
            counts["guesses"] += 1
        except (OSError, SmbError):
            counts["disconnected"] += 1
        finally:
            link.close()

    await begin()
    await again_and_again(target, one)
