"""Mechanisms with other names than NTLM, to negotiate between."""

from dataclasses import dataclass

from smbquic.auth.acceptor_mechanism import LogonPolicy
from smbquic.auth.identity import Identity
from smbquic.errors import AuthenticationError

KERBEROS = bytes.fromhex("2a864886f712010202")
OTHER = bytes.fromhex("2b0601040100")


def mic_of(message: bytes) -> bytes:
    return b"MIC" + message[-4:]


@dataclass
class MechanismContext:
    """Either end: `rounds` tokens of each side, then it is complete."""

    oid: bytes
    rounds: int = 1
    integrity: bool = True
    wants_mech_list_mic: bool = False
    steps: int = 0

    @property
    def complete(self) -> bool:
        return self.steps >= self.rounds

    @property
    def identity(self) -> Identity:
        return Identity("alice", "REALM")

    @property
    def session_key(self) -> bytes:
        return b"K" * 16 if self.complete else b""

    def step(self, token: bytes | None) -> bytes:
        if token == b"wrong":
            raise AuthenticationError("wrong ticket")
        self.steps += 1
        return b"token %d" % self.steps

    def get_mic(self, message: bytes) -> bytes:
        return mic_of(message)

    def verify_mic(self, message: bytes, mic: bytes) -> bool:
        return mic == mic_of(message)


@dataclass
class Mechanism:
    oid: bytes
    name: str
    rounds: int = 1

    def is_first_token(self, token: bytes) -> bool:
        return token.startswith(self.name.encode())

    def new_context(self, policy: LogonPolicy) -> MechanismContext:
        return MechanismContext(self.oid, self.rounds)
