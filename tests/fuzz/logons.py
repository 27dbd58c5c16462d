"""Logons whose tokens are changed on their way, and tokens that nobody made."""

from dataclasses import replace
from functools import cache

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.ntlm.messages import AuthenticateMessage
from smbquic.auth.spnego.initiator import Initiator
from smbquic.auth.spnego.tokens import NegTokenInit, NegTokenResp
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError
from tests.fuzz.decoders import Decoder, Group, group
from tests.fuzz.source import Source, spoiled

USER, PASSWORD = "alice", "secret"
_TOKENS = 4
_PROOF_SIZE = 16


@cache
def authenticator() -> Authenticator:
    """One that knows alice."""
    users = UserStore()
    users.add(USER, PASSWORD)
    return Authenticator([NtlmMechanism(users, server_name="fs.example")])


def initiator() -> Initiator:
    """Alice's next logon."""
    return new_initiator(Credentials(USER, PASSWORD), host="fs.example")


def _maybe(token: bytes, source: Source) -> bytes:
    return token if source.often() else spoiled(token, source)


def _on_the_way(data: memoryview) -> None:
    """Honest ends; somebody in between changes what they say."""
    source = Source(bytes(data))
    client, acceptor = initiator(), authenticator().new_acceptor()
    answer: bytes | None = _maybe(authenticator().hint(), source) if source.often() else None
    while not acceptor.complete:
        token = _maybe(client.step(answer), source)
        answer = _maybe(acceptor.step(token), source)
    if acceptor.identity.user != USER or len(acceptor.session_key) != 16:
        raise AssertionError(f"{acceptor.identity} came in")


def _to_acceptor(data: memoryview) -> None:
    """Tokens of no client."""
    source = Source(bytes(data))
    acceptor = authenticator().new_acceptor()
    for _ in range(_TOKENS):
        acceptor.step(source.short(256))
    raise AssertionError("a logon that never ends")


def _to_initiator(data: memoryview) -> None:
    """Tokens of no server."""
    source = Source(bytes(data))
    client = initiator()
    for _ in range(_TOKENS):
        client.step(source.short(256) or None)


def _honest() -> dict[str, bytes]:
    """Return the tokens of a good logon, by the names of their structures."""
    client, acceptor = initiator(), authenticator().new_acceptor()
    init = client.step(authenticator().hint())
    response = client.step(acceptor.step(init))
    message = NegTokenResp.decode(response).response_token or b""
    challenge = AuthenticateMessage.decode(message).nt_challenge_response[_PROOF_SIZE:]
    return {
        "NegTokenInit": init,
        "NegTokenResp": response,
        "NegotiateMessage": NegTokenInit.decode(init).mech_token or b"",
        "AuthenticateMessage": message,
        "ClientChallenge": challenge,
    }


def _with_sample(decoder: Decoder, honest: dict[str, bytes]) -> Decoder:
    sample = honest.get(decoder.name.rpartition(".")[2])
    return decoder if sample is None else replace(decoder, samples=lambda: [sample])


def decoders() -> Group:
    """The structures of SPNEGO and NTLM, and both ends of a logon."""
    refusals = (AuthenticationError,)
    ends = [
        Decoder("auth.on_the_way", _on_the_way, refusals=refusals),
        Decoder("auth.to_acceptor", _to_acceptor, refusals=refusals),
        Decoder("auth.to_initiator", _to_initiator, refusals=refusals),
    ]
    honest = _honest()
    return Group([*(_with_sample(each, honest) for each in group("auth.").decoders), *ends])
