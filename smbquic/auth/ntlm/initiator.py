"""The client's side of NTLMv2, over pyspnego.

The credentials are given, never searched for: no prompt and no operating system's own logon takes
part. (pyspnego itself honours the environment variable ``LM_COMPAT_LEVEL`` as gss-ntlmssp does;
our acceptor refuses what a level below 3 makes of it.)
"""

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from smbquic.auth.credentials import Credentials
from smbquic.auth.mechanism import malformed_token
from smbquic.auth.ntlm.keys import KEY_SIZE, nt_hash
from smbquic.auth.ntlm.messages import NTLMSSP

_SERVICE = "cifs"


class NtlmInitiator:
    """One logon. `host` is the server's name, which goes into the logon (``cifs/host``).

    `end_point` is the application data of the channel's bindings, empty where there is no TLS
    below.
    """

    oid = NTLMSSP

    def __init__(self, credentials: Credentials, *, host: str, end_point: bytes = b"") -> None:
        user = credentials.user
        # A hash instead of the password keeps the operating system's own NTLM out of it.
        credential = spnego.NTLMHash(
            username=f"{credentials.domain}\\{user}" if credentials.domain else user,
            nt_hash=nt_hash(credentials.password).hex(),
        )
        self._context = spnego.client(
            credential,
            hostname=host,
            service=_SERVICE,
            channel_bindings=GssChannelBindings(application_data=end_point) if end_point else None,
            protocol="ntlm",
            options=spnego.NegotiateOptions.use_ntlm,
        )

    @property
    def complete(self) -> bool:
        """Return whether the client's proof is made, and the session key with it."""
        return self._context.complete and len(self.session_key) >= KEY_SIZE

    @property
    def session_key(self) -> bytes:
        """The session key (16 bytes) once the client's proof is made, empty before."""
        return self._context.session_key

    @property
    def wants_mech_list_mic(self) -> bool:
        """Return whether the proof has a MIC; then the list of mechanisms gets one, too."""
        return self._context.complete and self._context._requires_mech_list_mic

    def step(self, token: bytes | None) -> bytes:
        """Take the server's challenge, None at first. Raises `AuthenticationError`."""
        try:
            answer = self._context.step(token) or b""
        except Exception as error:  # pyspnego's parsers raise what their bytes happen to run into
            raise malformed_token(str(error)) from error
        if not self._context.complete:
            # pyspnego leaves the MIC over the three messages out where the challenge has no
            # timestamp, unless the negotiation around it asks for this. An attacker on the path
            # could remove the timestamp, and then change the messages.
            _ = self._context._requires_mech_list_mic
        return answer

    def get_mic(self, message: bytes) -> bytes:
        """Sign a message of ours: the only one that SPNEGO has.

        Raises `AuthenticationError` where the server's challenge allows no signatures.
        """
        try:
            return self._context.sign(message)
        except SpnegoError as error:
            raise malformed_token(f"its mechanism cannot sign: {error}") from error

    def verify_mic(self, message: bytes, mic: bytes) -> bool:
        """Return whether the server signed this message."""
        try:
            self._context.verify(message, mic)
        except Exception:  # what it raises for a wrong MIC depends on the bytes
            return False
        return True
