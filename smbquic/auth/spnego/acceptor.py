"""The server's side of SPNEGO: agrees on a mechanism, and passes its tokens on. [RFC4178]

A client may also do without SPNEGO and send a mechanism's own tokens. [MS-SMB2] 3.3.5.5.3
"""

from collections.abc import Callable, Sequence

from smbquic.auth.acceptor_mechanism import AcceptorContext, AcceptorMechanism, LogonPolicy
from smbquic.auth.identity import Identity
from smbquic.auth.spnego.tokens import NegState, NegTokenInit, NegTokenResp
from smbquic.errors import AuthenticationError, WireError
from smbquic.ntstatus import NtStatus

MAX_MECH_LIST = 1024
"""Bytes of the client's list of mechanisms, which is kept until the end of the logon."""


class Acceptor:
    """One logon: `step` takes the client's tokens one after the other until `complete`.

    Then `identity` is the account and `session_key` holds 16 bytes, or none for a guest; an
    anonymous client's is no secret. A failed logon stays failed.
    """

    def __init__(self, mechanisms: Sequence[AcceptorMechanism], policy: LogonPolicy) -> None:
        self._mechanisms = mechanisms
        self._policy = policy
        self._next: Callable[[bytes], bytes] = self._first
        self._context: AcceptorContext | None = None
        self._complete = False
        self._mech_list = b""
        self._needs_mic = False

    @property
    def complete(self) -> bool:
        """Return whether the client is authenticated and its list of mechanisms unchanged."""
        return self._complete

    @property
    def identity(self) -> Identity:
        """Who the client is. Raises `AuthenticationError` before the logon is complete."""
        if self._context is None or not self._complete:
            raise AuthenticationError("the logon is not complete")
        return self._context.identity

    @property
    def session_key(self) -> bytes:
        """The session key, 16 bytes or more; empty for a guest, and until `complete`."""
        return self._context.session_key if self._context and self._complete else b""

    def step(self, token: bytes) -> bytes:
        """Take the client's next token; return the answer, which may be empty at the end.

        Raises `AuthenticationError`, and nothing else whatever the bytes: LOGON_FAILURE if the
        credentials are refused, INVALID_PARAMETER if it is not the token that must come now.
        """
        # A step that raises leaves no next one, so that a failed logon cannot be continued.
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
        for mechanism in self._mechanisms:
            if mechanism.is_first_token(token):
                self._context = mechanism.new_context(self._policy)
                return self._bare(token)
        init = NegTokenInit.decode(token)
        mechanism = self._choose(init.mech_types)
        if len(init.mech_list) > MAX_MECH_LIST:
            raise AuthenticationError(
                "the client's list of mechanisms is too long", NtStatus.INVALID_PARAMETER
            )
        self._mech_list = init.mech_list
        self._context = mechanism.new_context(self._policy)
        if init.mech_types[0] != mechanism.oid:
            # The client's first choice, and its token, are for another mechanism. Now the list has
            # to be protected, or an attacker on the path could shorten it. [RFC4178] 5
            self._needs_mic = True
            self._next = self._negotiated
            return NegTokenResp(NegState.REQUEST_MIC, mechanism.oid).encode()
        if init.mech_token is None:
            self._next = self._negotiated
            return NegTokenResp(NegState.ACCEPT_INCOMPLETE, mechanism.oid).encode()
        return self._advance(init.mech_token, None, mechanism.oid)

    def _choose(self, offered: Sequence[bytes]) -> AcceptorMechanism:
        """Return the mechanism that the client likes best among ours."""
        known = {mechanism.oid: mechanism for mechanism in self._mechanisms}
        for oid in offered:
            if oid in known:
                return known[oid]
        spoken = " or ".join(mechanism.name for mechanism in self._mechanisms)
        raise AuthenticationError(f"the client offers no {spoken}, and nothing else is spoken here")

    def _bare(self, token: bytes) -> bytes:
        assert self._context is not None
        answer = self._context.step(token)
        self._complete = self._context.complete
        if not self._complete:
            self._next = self._bare
        return answer

    def _negotiated(self, token: bytes) -> bytes:
        response = NegTokenResp.decode(token)
        mech_token, mic = response.response_token or b"", response.mech_list_mic
        if mic == response.response_token:  # some old clients repeat the token in the MIC's place
            mic = None
        return self._advance(mech_token, mic, None)

    def _advance(self, token: bytes, mic: bytes | None, chosen: bytes | None) -> bytes:
        """Pass a token on; `chosen` is the mechanism to name in the answer."""
        assert self._context is not None
        answer = self._context.step(token)
        if not self._context.complete:
            self._next = self._negotiated
            return NegTokenResp(NegState.ACCEPT_INCOMPLETE, chosen, answer).encode()
        response = NegTokenResp(NegState.ACCEPT_COMPLETED, chosen, answer or None)
        if self._context.integrity:
            response.mech_list_mic = self._exchange_mech_list_mic(self._context, mic)
        self._complete = True
        return response.encode()

    def _exchange_mech_list_mic(
        self, context: AcceptorContext, theirs: bytes | None
    ) -> bytes | None:
        """Check the client's mechListMIC, if it sent one, and make ours. [MS-SPNG] 3.1.5.1"""
        if theirs is None:
            if self._needs_mic:
                raise AuthenticationError("the client did not protect its list of mechanisms")
            return None
        if not context.verify_mic(self._mech_list, theirs):
            raise AuthenticationError("the client's list of mechanisms was changed in transit")
        return context.get_mic(self._mech_list)
