"""The client's side of NTLMv2. [MS-NLMP] 3.1.5.1

Nothing older is spoken, and a server that cannot do extended session security with 128-bit keys is
refused. The credentials are given, never searched for.
"""

import hmac
import os
import platform
import time
from collections.abc import Callable

from smbquic.auth.credentials import Credentials
from smbquic.auth.mechanism import malformed_token
from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.messages import (
    CHALLENGE_SIZE,
    NTLMSSP,
    AuthenticateMessage,
    AvFlags,
    AvId,
    ChallengeMessage,
    NegotiateFlags,
    NegotiateMessage,
    decode_av_pairs,
    encode_client_challenge,
)
from smbquic.auth.service_binding import channel_bindings_hash
from smbquic.errors import WireError
from smbquic.wire.cursor import utf16
from smbquic.wire.dtyp.filetime import from_unix_ns

_SERVICE = "cifs"
_OFFERED = (
    keys.NEEDED_FLAGS
    | NegotiateFlags.REQUEST_TARGET
    | NegotiateFlags.SIGN
    | NegotiateFlags.SEAL
    | NegotiateFlags.NTLM
    | NegotiateFlags.ALWAYS_SIGN
    | NegotiateFlags.VERSION
    | NegotiateFlags.KEY_EXCH
    | NegotiateFlags.KEY_56
)
_MAX_CHALLENGE = 1 << 15
"""Bytes of the server's message: the answer repeats them, and has to fit into SESSION_SETUP."""
_NO_LM_RESPONSE = bytes(24)
"""In the place of LMv2's response, which is weaker than the other. [MS-NLMP] 3.1.5.1.2"""


class NtlmInitiator:
    """One logon. `host` is the server's name, which goes into the logon (``cifs/host``).

    `end_point` is the application data of the channel's bindings, empty where there is no TLS
    below. `clock` gives nanoseconds since the Unix epoch, `random` so many unpredictable bytes.
    """

    oid = NTLMSSP

    def __init__(
        self,
        credentials: Credentials,
        *,
        host: str,
        end_point: bytes = b"",
        clock: Callable[[], int] = time.time_ns,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._credentials = credentials
        self._target_name = f"{_SERVICE}/{host}"
        self._end_point = end_point
        self._clock = clock
        self._random = random
        self._negotiate_message = NegotiateMessage(_OFFERED).encode()
        self._flags = NegotiateFlags(0)
        self._session_key = b""

    @property
    def complete(self) -> bool:
        """Return whether the client's proof is made, and the session key with it."""
        return bool(self._session_key)

    @property
    def session_key(self) -> bytes:
        """The session key (16 bytes) once the client's proof is made, empty before."""
        return self._session_key

    @property
    def wants_mech_list_mic(self) -> bool:
        """Return whether the proof is made: it has a MIC, so the list of mechanisms gets one."""
        return self.complete

    def step(self, token: bytes | None) -> bytes:
        """Take the server's challenge, None at first. Raises `AuthenticationError`."""
        if token is None:
            return self._negotiate_message
        if len(token) > _MAX_CHALLENGE:
            raise malformed_token("it is too long")
        try:
            challenge = ChallengeMessage.decode(token)
            pairs = decode_av_pairs(challenge.target_info) if challenge.target_info else {}
        except WireError as error:
            raise malformed_token(str(error)) from error
        if challenge.flags & keys.NEEDED_FLAGS != keys.NEEDED_FLAGS:
            raise malformed_token("it lacks extended session security with 128 bits")
        self._flags = challenge.flags & (_OFFERED | NegotiateFlags.TARGET_INFO)
        if not self._flags & (NegotiateFlags.SIGN | NegotiateFlags.SEAL):
            # There is nothing then that a key of its own would be exchanged for.
            self._flags &= ~NegotiateFlags.KEY_EXCH
        message, session_key = self._authenticate(challenge.server_challenge, pairs)
        # An attacker on the path may have removed the timestamp from the challenge, by which
        # servers ask for the MIC: so there is always one.
        mic = keys.exchange_mic(session_key, (self._negotiate_message, token, message))
        self._session_key = session_key
        return AuthenticateMessage.with_mic(message, mic)

    def _authenticate(
        self, server_challenge: bytes, pairs: dict[int, bytes]
    ) -> tuple[bytes, bytes]:
        """Return the client's proof without its MIC, and the session key. [MS-NLMP] 3.1.5.1.2"""
        user, domain = self._credentials.user, self._credentials.domain
        if "\\" in user and not domain:
            domain, user = user.split("\\", 1)
        now = from_unix_ns(self._clock()).to_bytes(8, "little")
        proven = encode_client_challenge(
            pairs.get(AvId.TIMESTAMP, now), self._random(CHALLENGE_SIZE), self._bound(pairs)
        )
        key = keys.response_key(keys.nt_hash(self._credentials.password), user, domain)
        proof = keys.nt_proof(key, server_challenge, proven)
        session_key = base_key = keys.session_base_key(key, proof)
        encrypted = b""
        if self._flags & NegotiateFlags.KEY_EXCH:
            session_key = self._random(keys.KEY_SIZE)
            encrypted = keys.encrypted_session_key(base_key, session_key)
        message = AuthenticateMessage(
            flags=self._flags,
            domain_name=domain,
            user_name=user,
            lm_challenge_response=_NO_LM_RESPONSE,
            nt_challenge_response=proof + proven,
            encrypted_random_session_key=encrypted,
            workstation=platform.node().upper(),
        )
        return message.encode(), session_key

    def _bound(self, pairs: dict[int, bytes]) -> dict[int, bytes]:
        """Return the server's AV_PAIRs with those that the client adds.

        They say that there is a MIC, and for which server and channel the logon is meant.
        """
        flags = int.from_bytes(pairs.get(AvId.FLAGS, b"")[:4], "little") | AvFlags.MIC_PROVIDED
        bound = {**pairs, AvId.FLAGS: flags.to_bytes(4, "little")}
        if self._end_point:
            bound[AvId.CHANNEL_BINDINGS] = channel_bindings_hash(self._end_point)
        bound[AvId.TARGET_NAME] = utf16(self._target_name)
        return bound

    def get_mic(self, message: bytes) -> bytes:
        """Sign a message of ours: the only one that SPNEGO has."""
        return keys.first_signature(self._flags, self._session_key, message, from_server=False)

    def verify_mic(self, message: bytes, mic: bytes) -> bool:
        """Return whether the server signed this message."""
        expected = keys.first_signature(self._flags, self._session_key, message, from_server=True)
        return self.complete and hmac.compare_digest(mic, expected)
