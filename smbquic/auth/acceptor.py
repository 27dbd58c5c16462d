"""The server's side of a logon: SPNEGO around NTLMv2, or NTLMv2 alone.

[MS-SPNG] 3.2, [MS-NLMP] 3.2.5.1, [MS-SMB2] 3.3.5.5.3. LM, LMv2 and NTLMv1 responses are refused,
and so is whoever cannot do extended session security with 128-bit keys.
"""

import hmac
import os
import time
from collections.abc import Callable
from copy import copy

from smbquic.auth.guard import Watch
from smbquic.auth.identity import Identity
from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.messages import (
    CHALLENGE_SIZE,
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
from smbquic.auth.service_binding import ServiceBinding
from smbquic.auth.spnego.tokens import NTLMSSP, NegState, NegTokenInit, NegTokenResp, encode_hint
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.wire.cursor import utf16
from smbquic.wire.dtyp.filetime import from_unix_ns

_NEEDED = NegotiateFlags.UNICODE | NegotiateFlags.EXTENDED_SESSIONSECURITY | NegotiateFlags.KEY_128
_SUPPORTED = (
    _NEEDED
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
MAX_MECH_LIST = 1024
"""Bytes of the list of mechanisms, which is kept as well."""
_PROOF_SIZE = 16
_NTLMV1_SIZE = 24
_MAX_NETBIOS_NAME = 15
_NOBODYS_KEY = bytes(keys.KEY_SIZE)
"""SessionBaseKey of a client that gives no name. [MS-NLMP] 3.2.5.1.2"""


class Authenticator:
    """Knows the accounts and the server's names; makes one `Acceptor` for each logon.

    `server_name` is the server's DNS name or only label, `domain` the name that its accounts go
    under, by default the server's own. With `guest`, a client that names no account of ours, or
    nobody at all, comes in without a password and without a session key: such sessions can be
    neither signed nor encrypted. A wrong password of an account stays wrong.

    `clock` gives nanoseconds since the Unix epoch, `random` so many unpredictable bytes.
    """

    def __init__(
        self,
        users: UserStore,
        *,
        server_name: str,
        domain: str = "",
        guest: bool = False,
        clock: Callable[[], int] = time.time_ns,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.users = users
        self.guest = guest
        self.watch: Watch | None = None
        self.binding: ServiceBinding | None = None
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
        # Stands in for the hash of an account that does not exist, so that it costs as much time.
        self._nobody = random(keys.KEY_SIZE)

    def hint(self) -> bytes:
        """The NegTokenInit2 for NEGOTIATE's security buffer. [MS-SPNG] 3.2.5.2."""
        return encode_hint()

    def new_acceptor(self) -> "Acceptor":
        """The acceptor of one logon."""
        return Acceptor(self)

    def for_connection(
        self, watch: Watch, binding: ServiceBinding | None = None
    ) -> "Authenticator":
        """The same for one connection, whose logons are watched.

        With `binding` they have to be meant for it.
        """
        bound = copy(self)
        bound.watch, bound.binding = watch, binding
        return bound

    def make_challenge(self, wanted: NegotiateFlags) -> ChallengeMessage:
        """A fresh challenge for a client that asks for these flags. [MS-NLMP] 3.2.5.1.1."""
        timestamp = from_unix_ns(self._clock()).to_bytes(8, "little")
        return ChallengeMessage(
            flags=wanted & _SUPPORTED | _ALWAYS,
            server_challenge=self._random(CHALLENGE_SIZE),
            target_name=self._computer,
            target_info=encode_av_pairs((*self._names, (AvId.TIMESTAMP, timestamp))),
        )

    def stand_in_hash(self) -> bytes:
        """An NT hash that no password has."""
        return self._nobody


class Acceptor:
    """One logon: `step` takes the client's tokens in turn until `complete`.

    Then `identity` tells whose it is and `session_key` holds 16 bytes, or none for a guest; that of
    nobody is no secret. A failed logon stays failed.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._next = self._first
        self._identity: Identity | None = None
        self._session_key = b""
        self._mech_list = b""
        self._needs_mic = False
        self._flags = NegotiateFlags(0)
        self._negotiate_message = b""
        self._challenge_message = b""
        self._server_challenge = b""

    @property
    def complete(self) -> bool:
        """Whether the client has proved who it is."""
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

    def step(self, token: bytes) -> bytes:
        """Take the client's next token; returns the answer, which may be empty at the end.

        Raises `AuthenticationError`, and nothing else whatever the bytes: LOGON_FAILURE if the
        credentials are refused, INVALID_PARAMETER if it is not the token that must come now.
        """
        step, self._next = self._next, self._over
        try:
            return step(token)
        except WireError as error:
            raise AuthenticationError(
                f"the client's logon token is malformed: {error}", NtStatus.INVALID_PARAMETER
            ) from error

    def _over(self, token: bytes) -> bytes:
        raise AuthenticationError("the logon is over", NtStatus.INVALID_PARAMETER)

    def _first(self, token: bytes) -> bytes:
        if token.startswith(SIGNATURE):
            answer = self._challenge(token)
            self._next = self._raw_authenticate
            return answer
        init = NegTokenInit.decode(token)
        if NTLMSSP not in init.mech_types:
            raise AuthenticationError("the client offers no NTLM, and nothing else is spoken here")
        if len(init.mech_list) > MAX_MECH_LIST:
            raise AuthenticationError(
                "the client's list of mechanisms is too long", NtStatus.INVALID_PARAMETER
            )
        self._mech_list = init.mech_list
        if init.mech_types[0] != NTLMSSP:
            # The client's first choice, and its token, are for another mechanism. Now the list has
            # to be protected, or somebody on the way could have shortened it. [RFC4178] 5
            self._needs_mic = True
            self._next = self._negotiate
            return NegTokenResp(NegState.REQUEST_MIC, NTLMSSP).encode()
        if init.mech_token is None:
            self._next = self._negotiate
            return NegTokenResp(NegState.ACCEPT_INCOMPLETE, NTLMSSP).encode()
        challenge = self._challenge(init.mech_token)
        self._next = self._authenticate
        return NegTokenResp(NegState.ACCEPT_INCOMPLETE, NTLMSSP, challenge).encode()

    def _negotiate(self, token: bytes) -> bytes:
        challenge = self._challenge(NegTokenResp.decode(token).response_token or b"")
        self._next = self._authenticate
        return NegTokenResp(NegState.ACCEPT_INCOMPLETE, response_token=challenge).encode()

    def _challenge(self, message: bytes) -> bytes:
        if len(message) > MAX_NEGOTIATE:
            raise AuthenticationError(
                "the client's NTLM message is too long", NtStatus.INVALID_PARAMETER
            )
        wanted = NegotiateMessage.decode(message).flags
        _check_strength(wanted)
        challenge = self._authenticator.make_challenge(wanted)
        self._flags = challenge.flags
        self._server_challenge = challenge.server_challenge
        self._negotiate_message = message
        self._challenge_message = challenge.encode()
        return self._challenge_message

    def _raw_authenticate(self, token: bytes) -> bytes:
        self._identity, self._session_key = self._verify(AuthenticateMessage.decode(token))
        return b""

    def _authenticate(self, token: bytes) -> bytes:
        response = NegTokenResp.decode(token)
        message = AuthenticateMessage.decode(response.response_token or b"")
        identity, session_key = self._verify(message)
        answer = NegTokenResp(NegState.ACCEPT_COMPLETED)
        if session_key and not identity.anonymous:
            answer.mech_list_mic = self._exchange_mech_list_mic(response, session_key)
        self._identity, self._session_key = identity, session_key
        return answer.encode()

    def _exchange_mech_list_mic(self, response: NegTokenResp, session_key: bytes) -> bytes | None:
        """Check the client's mechListMIC, if it sent one, and make ours. [MS-SPNG] 3.1.5.1."""
        theirs = response.mech_list_mic
        if theirs is None or theirs == response.response_token:  # some old clients repeat the token
            if self._needs_mic:
                raise AuthenticationError("the client did not protect its list of mechanisms")
            return None
        if not hmac.compare_digest(theirs, self._sign_mech_list(session_key, from_server=False)):
            raise AuthenticationError("the client's list of mechanisms was changed on its way")
        return self._sign_mech_list(session_key, from_server=True)

    def _sign_mech_list(self, session_key: bytes, *, from_server: bool) -> bytes:
        return keys.first_signature(
            self._flags, session_key, self._mech_list, from_server=from_server
        )

    def _verify(self, message: AuthenticateMessage) -> tuple[Identity, bytes]:
        """Check the client's proof: whose it is, and the session key. [MS-NLMP] 3.2.5.1.2."""
        watch = self._authenticator.watch
        if watch is not None:
            watch.admit(message.user_name)
        if self._is_anonymous(message):
            if not self._authenticator.guest:
                raise AuthenticationError("the client gives no name, and nobody is let in unnamed")
            self._flags &= message.flags
            chosen = message.encrypted_random_session_key
            key = self._export_key(message, _NOBODYS_KEY) if chosen else _NOBODYS_KEY
            return Identity("", "", anonymous=True), key
        self._flags &= message.flags
        _check_strength(self._flags)
        if len(message.nt_challenge_response) <= _NTLMV1_SIZE:
            raise AuthenticationError(f"{message.user_name}: only NTLMv2 responses are accepted")
        challenge = ClientChallenge.decode(message.nt_challenge_response[_PROOF_SIZE:])
        account = self._authenticator.users.find(message.user_name)
        if account is None and self._authenticator.guest:
            return Identity(message.user_name, message.domain_name, guest=True), b""
        hashed = self._authenticator.stand_in_hash() if account is None else account.nt_hash
        base_key = self._check_proof(message, hashed)
        if account is None or base_key is None:
            if watch is not None:
                watch.failed(message.user_name)
            raise AuthenticationError(f"{message.user_name}: wrong name or password")
        if not account.has_password:
            raise AuthenticationError(
                f"{account.name}: has an empty password, with which nobody logs on",
                NtStatus.ACCOUNT_RESTRICTION,
            )
        session_key = self._export_key(message, base_key)
        self._check_mic(message, challenge, session_key)
        binding = self._authenticator.binding
        if binding is not None:
            try:
                binding.check(challenge.target_name, challenge.channel_bindings)
            except AuthenticationError as error:
                raise AuthenticationError(f"{account.name}: {error}", error.status) from None
        if watch is not None:
            watch.succeeded(message.user_name)
        identity = Identity(account.name, self._authenticator.domain, groups=account.groups)
        return identity, session_key

    @staticmethod
    def _is_anonymous(message: AuthenticateMessage) -> bool:
        return (
            not message.user_name
            and not message.nt_challenge_response
            and message.lm_challenge_response in (b"", b"\x00")
        )

    def _check_proof(self, message: AuthenticateMessage, hashed: bytes) -> bytes | None:
        """SessionBaseKey if the response is that of this NT hash."""
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
        """A client that can make a MIC says so under its proof, where nobody can take it away."""
        if not challenge.av_flags & AvFlags.MIC_PROVIDED:
            return
        mic = keys.exchange_mic(
            session_key, (self._negotiate_message, self._challenge_message, message.without_mic)
        )
        if not hmac.compare_digest(mic, message.mic):
            raise AuthenticationError("the messages of the logon were changed on their way")


def _check_strength(flags: NegotiateFlags) -> None:
    if flags & _NEEDED != _NEEDED:
        raise AuthenticationError("the client cannot do extended session security with 128 bits")
