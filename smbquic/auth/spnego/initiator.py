"""The client's side of SPNEGO: offers mechanisms, and passes tokens on. [RFC4178]"""

from collections.abc import Sequence

from smbquic.auth.mechanism import InitiatorContext, malformed_token
from smbquic.auth.spnego.tokens import NegState, NegTokenInit, NegTokenResp
from smbquic.errors import WireError

_MAX_STEPS = 5
"""Tokens of a server: its hint, a choice of mechanism, NTLM's challenge, the end; one to spare."""


class Initiator:
    """One logon: `step` takes the server's tokens one after the other until `complete`.

    `contexts` are the mechanisms that may be used, in the order of preference. The first token of
    the first one goes along with the offer.
    """

    def __init__(self, contexts: Sequence[InitiatorContext]) -> None:
        self._offered = list(contexts)
        self._context = self._offered[0]
        self._steps = 0
        self._complete = False
        self._mech_list = b""
        self._mic_wanted = False
        self._mic_sent = False
        self._mic_received = False

    @property
    def complete(self) -> bool:
        """Return whether both ends have said all, and there is a session key."""
        return self._complete and self._context.complete

    @property
    def session_key(self) -> bytes:
        """The session key (16 bytes) once the client's proof is made, empty before."""
        return self._context.session_key

    def step(self, token: bytes | None) -> bytes:
        """Take the server's token, at first its hint or None; return ours, empty if none is due.

        Raises `AuthenticationError` if the server's token is malformed, is not the one that must
        come now, or refuses us.
        """
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise malformed_token(f"a logon does not take more than {_MAX_STEPS}")
        try:
            if self._steps == 1:
                return self._offer(token)
            if not token:
                raise malformed_token("it is missing")
            return self._continue(NegTokenResp.decode(token))
        except WireError as error:
            raise malformed_token(str(error)) from error

    def _offer(self, hint: bytes | None) -> bytes:
        """Offer what the server's hint has of our mechanisms, all of them without a hint."""
        if hint:
            spoken = NegTokenInit.decode(hint).mech_types
            self._offered = [context for context in self._offered if context.oid in spoken]
            if not self._offered:
                raise malformed_token("it offers no mechanism that is spoken here")
            self._context = self._offered[0]
        oids = [context.oid for context in self._offered]
        init = NegTokenInit.of(oids, self._context.step(None))
        self._mech_list = init.mech_list
        return init.encode()

    def _continue(self, response: NegTokenResp) -> bytes:
        if response.neg_state is NegState.REJECT:
            raise malformed_token("it is a rejection")
        if response.neg_state is NegState.REQUEST_MIC:
            self._mic_wanted = True
        answer = self._advance(response)
        context = self._context
        self._verify_mech_list_mic(response)
        if response.neg_state is NegState.ACCEPT_COMPLETED:
            if answer:
                raise malformed_token("it ends the logon before the client's last token")
            self._finish()
            return b""
        mic = None
        if context.complete and self._mic_wanted and not self._mic_sent:
            mic = context.get_mic(self._mech_list)
            self._mic_sent = True
        state = NegState.ACCEPT_INCOMPLETE
        if context.complete and not self._mic_wanted:
            # Nothing is left that the server has to prove by SPNEGO, and its last token may be
            # missing.
            state = NegState.ACCEPT_COMPLETED
            self._finish()
        return NegTokenResp(state, None, answer or None, mic).encode()

    def _advance(self, response: NegTokenResp) -> bytes:
        """Pass the mechanism's token on; return its next one."""
        chosen = response.supported_mech
        if chosen is not None and chosen != self._context.oid:
            return self._change_mechanism(chosen)
        if self._context.complete:
            return b""
        if not response.response_token:
            raise malformed_token("it has nothing for the mechanism")
        answer = self._context.step(response.response_token)
        self._mic_wanted = self._mic_wanted or self._context.wants_mech_list_mic
        return answer

    def _change_mechanism(self, oid: bytes) -> bytes:
        """Begin again with the mechanism that the server chose; return its first token."""
        chosen = next((context for context in self._offered if context.oid == oid), None)
        if chosen is None or self._context is not self._offered[0] or self._steps > 2:
            raise malformed_token("it chooses a mechanism that was not offered")
        self._context = chosen
        # An attacker on the path may have put it there: the list has to be protected. [RFC4178] 5
        self._mic_wanted = True
        return chosen.step(None)

    def _verify_mech_list_mic(self, response: NegTokenResp) -> None:
        mic = response.mech_list_mic
        if mic is None or mic == response.response_token:  # some old servers repeat the token
            return
        if not (self._context.complete and self._context.verify_mic(self._mech_list, mic)):
            raise malformed_token("the list of mechanisms was changed in transit")
        self._mic_received = True
        self._mic_wanted = True  # who signs the list wants our signature, too

    def _finish(self) -> None:
        if not self._context.complete:
            # A server can claim the end of SPNEGO before the mechanism has begun.
            raise malformed_token("it ends the logon before the client has proved anything")
        if self._context is not self._offered[0] and not self._mic_received:
            raise malformed_token("the server did not protect the list of mechanisms")
        self._complete = True
