"""The server's side of NTLMv2. [MS-NLMP] 3.2.5.1

LM, LMv2 and NTLMv1 responses are refused, and so is a client that cannot do extended session
security with 128-bit keys.
"""

import hmac
import os
import time
from collections.abc import Callable

from smbquic.auth.acceptor_mechanism import LogonPolicy
from smbquic.auth.accounts import AccountStore
from smbquic.auth.identity import Identity
from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.messages import (
    CHALLENGE_SIZE,
    NTLMSSP,
    SIGNATURE,
    AuthenticateMessage,
    AvFlags,
    AvId,
    ChallengeMessage,
    ClientChallenge,
    NegotiateFlags,
    NegotiateMessage,
    encode_av_pairs,
)
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from smbquic.wire.cursor import utf16
from smbquic.wire.dtyp.filetime import from_unix_ns

_SUPPORTED = (
    keys.NEEDED_FLAGS
    | NegotiateFlags.SIGN
    | NegotiateFlags.SEAL
    | NegotiateFlags.VERSION
    | NegotiateFlags.KEY_EXCH
    | NegotiateFlags.KEY_56
)
_ALWAYS = (
    NegotiateFlags.REQUEST_TARGET
    | NegotiateFlags.NTLM
    | NegotiateFlags.ALWAYS_SIGN
    | NegotiateFlags.TARGET_TYPE_SERVER
    | NegotiateFlags.TARGET_INFO
)
MAX_NEGOTIATE = 2048
"""Bytes of the first NTLM message, which is kept until the last: 40, and two names."""
_PROOF_SIZE = 16
_NTLMV1_SIZE = 24
_MAX_NETBIOS_NAME = 15
_ANONYMOUS_KEY = bytes(keys.KEY_SIZE)
"""SessionBaseKey of a client that gives no name. [MS-NLMP] 3.2.5.1.2"""


class NtlmMechanism:
    """The NTLMv2 mechanism of a server, for the passwords of accounts.

    `server_name` is the server's DNS name or only label, `domain` the name that its accounts go
    under, by default the server's own. With `guest`, a client that names no account of ours, or
    gives no name at all, comes in without a password and without a session key: such sessions can
    be neither signed nor encrypted. A wrong password of an account stays wrong.

    `clock` gives nanoseconds since the Unix epoch, `random` so many unpredictable bytes.
    """

    oid = NTLMSSP
    name = "NTLM"

    def __init__(
        self,
        accounts: AccountStore,
        *,
        server_name: str,
        domain: str = "",
        guest: bool = False,
        clock: Callable[[], int] = time.time_ns,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.accounts = accounts
        self.guest = guest
        self._clock = clock
        self._random = random
        label, _, parent = server_name.partition(".")
        self._computer = label.upper()[:_MAX_NETBIOS_NAME]
        self.domain = domain or self._computer
        self._names = (
            (AvId.NB_DOMAIN_NAME, utf16(self.domain)),
            (AvId.NB_COMPUTER_NAME, utf16(self._computer)),
            (AvId.DNS_DOMAIN_NAME, utf16(parent or server_name)),
            (AvId.DNS_COMPUTER_NAME, utf16(server_name)),
        )
        self.stand_in_hash = random(keys.KEY_SIZE)
        """An NT hash that no password has. It takes the place of that of an account that does not
        exist, so that a wrong name takes as long as a wrong password."""

    def is_first_token(self, token: bytes) -> bool:
        """Return whether a client speaks NTLM without SPNEGO around it."""
        return token.startswith(SIGNATURE)

    def new_context(self, policy: LogonPolicy) -> "NtlmAcceptor":
        """Begin one logon."""
        return NtlmAcceptor(self, policy)

    def make_challenge(self, wanted: NegotiateFlags) -> ChallengeMessage:
        """Return a fresh challenge for a client that asks for these flags. [MS-NLMP] 3.2.5.1.1"""
        timestamp = from_unix_ns(self._clock()).to_bytes(8, "little")
        return ChallengeMessage(
            flags=wanted & _SUPPORTED | _ALWAYS,
            server_challenge=self._random(CHALLENGE_SIZE),
            target_name=self._computer,
            target_info=encode_av_pairs((*self._names, (AvId.TIMESTAMP, timestamp))),
        )


class NtlmAcceptor:
    """One logon: NEGOTIATE_MESSAGE is answered with a challenge, AUTHENTICATE_MESSAGE ends it."""

    def __init__(self, mechanism: NtlmMechanism, policy: LogonPolicy) -> None:
        self._mechanism = mechanism
        self._policy = policy
        self._step: Callable[[bytes], bytes] = self._challenge
        self._identity: Identity | None = None
        self._session_key = b""
        self._flags = NegotiateFlags(0)
        self._negotiate_message = b""
        self._challenge_message = b""
        self._server_challenge = b""

    @property
    def complete(self) -> bool:
        """Return whether the client has proved who it is."""
        return self._identity is not None

    @property
    def identity(self) -> Identity:
        """Who the client is. Raises `AuthenticationError` before the logon is complete."""
        if self._identity is None:
            raise AuthenticationError("the logon is not complete")
        return self._identity

    @property
    def session_key(self) -> bytes:
        """ExportedSessionKey, 16 bytes; empty for a guest, and until `complete`."""
        return self._session_key

    @property
    def integrity(self) -> bool:
        """Return whether there is a key that only the client and the server know."""
        return bool(self._session_key) and not self.identity.anonymous

    def get_mic(self, message: bytes) -> bytes:
        """Sign a message of ours: the only one that SPNEGO has."""
        return keys.first_signature(self._flags, self._session_key, message, from_server=True)

    def verify_mic(self, message: bytes, mic: bytes) -> bool:
        """Return whether the client signed this message."""
        expected = keys.first_signature(self._flags, self._session_key, message, from_server=False)
        return hmac.compare_digest(mic, expected)

    def step(self, token: bytes) -> bytes:
        """Take the client's next message. Raises `AuthenticationError`, `WireError`."""
        step, self._step = self._step, self._over
        return step(token)

    def _over(self, token: bytes) -> bytes:
        raise AuthenticationError("the logon is over", NtStatus.INVALID_PARAMETER)

    def _challenge(self, message: bytes) -> bytes:
        if len(message) > MAX_NEGOTIATE:
            raise AuthenticationError(
                "the client's NTLM message is too long", NtStatus.INVALID_PARAMETER
            )
        wanted = NegotiateMessage.decode(message).flags
        _check_strength(wanted)
        challenge = self._mechanism.make_challenge(wanted)
        self._flags = challenge.flags
        self._server_challenge = challenge.server_challenge
        self._negotiate_message = message
        self._challenge_message = challenge.encode()
        self._step = self._authenticate
        return self._challenge_message

    def _authenticate(self, message: bytes) -> bytes:
        self._identity, self._session_key = self._verify(AuthenticateMessage.decode(message))
        return b""

    def _verify(self, message: AuthenticateMessage) -> tuple[Identity, bytes]:
        """Check the client's proof; return whose it is, and the session key.

        [MS-NLMP] 3.2.5.1.2
        """
        limiter = self._policy.limiter
        if limiter is not None:
            limiter.check(message.user_name)
        if self._is_anonymous(message):
            return self._accept_anonymous(message)
        self._flags &= message.flags
        _check_strength(self._flags)
        if len(message.nt_challenge_response) <= _NTLMV1_SIZE:
            raise AuthenticationError(f"{message.user_name}: only NTLMv2 responses are accepted")
        challenge = ClientChallenge.decode(message.nt_challenge_response[_PROOF_SIZE:])
        account = self._mechanism.accounts.find(message.user_name)
        if account is None and self._mechanism.guest:
            return Identity(message.user_name, message.domain_name, guest=True), b""
        # The proof is checked for a name that does not exist, too: the time that the answer takes
        # must not say which names exist.
        hashed = self._mechanism.stand_in_hash if account is None else account.nt_hash
        base_key = self._check_proof(message, hashed)
        if account is None or base_key is None:
            if limiter is not None:
                limiter.failed(message.user_name)
            raise AuthenticationError(f"{message.user_name}: wrong name or password")
        if not account.has_password:
            raise AuthenticationError(
                f"{account.name}: has an empty password, which is refused",
                NtStatus.ACCOUNT_RESTRICTION,
            )
        session_key = self._export_key(message, base_key)
        # Only after the proof: what the MIC and the binding are compared with is covered by it.
        self._check_mic(message, challenge, session_key)
        self._check_binding(account.name, challenge)
        if limiter is not None:
            limiter.succeeded(message.user_name)
        identity = Identity(account.name, self._mechanism.domain, groups=account.groups)
        return identity, session_key

    def _accept_anonymous(self, message: AuthenticateMessage) -> tuple[Identity, bytes]:
        """Return the identity of a client without a name, and the key that everybody knows."""
        if not self._mechanism.guest:
            raise AuthenticationError(
                "the client gives no user name, and anonymous logons are refused"
            )
        self._flags &= message.flags
        chosen = message.encrypted_random_session_key
        key = self._export_key(message, _ANONYMOUS_KEY) if chosen else _ANONYMOUS_KEY
        return Identity("", "", anonymous=True), key

    def _check_binding(self, user: str, challenge: ClientChallenge) -> None:
        """Raise `AuthenticationError` for a logon that was meant for another server or channel.

        Otherwise a server to which a client logs on could pass its messages on to this one, and
        log on as the client. [MS-NLMP] 3.2.5.1.2
        """
        if self._policy.binding is None:
            return
        try:
            self._policy.binding.check(challenge.target_name, challenge.channel_bindings)
        except AuthenticationError as error:
            raise AuthenticationError(f"{user}: {error}", error.status) from None

    @staticmethod
    def _is_anonymous(message: AuthenticateMessage) -> bool:
        return (
            not message.user_name
            and not message.nt_challenge_response
            and message.lm_challenge_response in (b"", b"\x00")
        )

    def _check_proof(self, message: AuthenticateMessage, hashed: bytes) -> bytes | None:
        """Return SessionBaseKey, None if the response was not made with this NT hash.

        [MS-NLMP] 3.3.2
        """
        proof = message.nt_challenge_response[:_PROOF_SIZE]
        challenge = message.nt_challenge_response[_PROOF_SIZE:]
        for domain in (message.domain_name, ""):  # some clients leave it out of the computation
            key = keys.response_key(hashed, message.user_name, domain)
            if hmac.compare_digest(proof, keys.nt_proof(key, self._server_challenge, challenge)):
                return keys.session_base_key(key, proof)
        return None

    def _export_key(self, message: AuthenticateMessage, base_key: bytes) -> bytes:
        signs = self._flags & (NegotiateFlags.SIGN | NegotiateFlags.SEAL)
        if not (signs and self._flags & NegotiateFlags.KEY_EXCH):
            return base_key
        encrypted = message.encrypted_random_session_key
        if len(encrypted) != keys.KEY_SIZE:
            raise AuthenticationError(
                "the client negotiated a key exchange and sent no key", NtStatus.INVALID_PARAMETER
            )
        return keys.exported_session_key(base_key, encrypted)

    def _check_mic(
        self, message: AuthenticateMessage, challenge: ClientChallenge, session_key: bytes
    ) -> None:
        """Check the MIC over the three messages of the logon. [MS-NLMP] 3.2.5.1.2

        MsvAvFlags, by which the client says that there is one, is covered by the client's proof:
        an attacker on the path cannot remove the flag and the MIC.
        """
        if not challenge.av_flags & AvFlags.MIC_PROVIDED:
            return
        mic = keys.exchange_mic(
            session_key, (self._negotiate_message, self._challenge_message, message.without_mic)
        )
        if not hmac.compare_digest(mic, message.mic):
            raise AuthenticationError("the messages of the logon were changed on their way")


def _check_strength(flags: NegotiateFlags) -> None:
    if flags & keys.NEEDED_FLAGS != keys.NEEDED_FLAGS:
        raise AuthenticationError("the client cannot do extended session security with 128 bits")
