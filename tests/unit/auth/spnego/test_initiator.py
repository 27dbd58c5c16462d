import pytest

from smbquic.auth.spnego.initiator import Initiator
from smbquic.auth.spnego.tokens import NegState, NegTokenInit, NegTokenResp, encode_hint
from smbquic.errors import AuthenticationError
from tests.unit.auth.spnego.mechanisms import KERBEROS, OTHER, MechanismContext, mic_of

LIST = NegTokenInit.of([KERBEROS, OTHER], b"").mech_list


def make_initiator(rounds: int = 2) -> Initiator:
    return Initiator([MechanismContext(KERBEROS, rounds), MechanismContext(OTHER, rounds)])


def response(
    state: NegState | None = NegState.ACCEPT_INCOMPLETE,
    *,
    chosen: bytes | None = None,
    token: bytes | None = None,
    mic: bytes | None = None,
) -> bytes:
    return NegTokenResp(state, chosen, token, mic).encode()


def test_all_mechanisms_are_offered_with_the_first_ones_token() -> None:
    init = NegTokenInit.decode(make_initiator().step(None))
    assert init == NegTokenInit([KERBEROS, OTHER], LIST, b"token 1")


def test_a_hint_leaves_out_what_the_server_does_not_speak() -> None:
    init = NegTokenInit.decode(make_initiator().step(encode_hint([OTHER])))
    assert init.mech_types == [OTHER]


def test_the_first_choice_needs_no_protection_of_the_list() -> None:
    initiator = make_initiator()
    initiator.step(None)
    answer = NegTokenResp.decode(initiator.step(response(chosen=KERBEROS, token=b"challenge")))
    assert answer == NegTokenResp(NegState.ACCEPT_COMPLETED, None, b"token 2")
    assert initiator.complete
    assert initiator.step(response(NegState.ACCEPT_COMPLETED)) == b""


def test_another_choice_needs_it() -> None:
    initiator = make_initiator()
    initiator.step(None)
    answer = initiator.step(response(NegState.REQUEST_MIC, chosen=OTHER))
    assert NegTokenResp.decode(answer).response_token == b"token 1"
    answer = initiator.step(response(token=b"challenge"))
    assert NegTokenResp.decode(answer) == NegTokenResp(
        NegState.ACCEPT_INCOMPLETE, None, b"token 2", mic_of(LIST)
    )
    assert not initiator.complete
    assert initiator.step(response(NegState.ACCEPT_COMPLETED, mic=mic_of(LIST))) == b""
    assert initiator.complete


@pytest.mark.parametrize("mic", [None, b"MICabcd"])
def test_another_choice_of_somebody_on_the_way(mic: bytes | None) -> None:
    initiator = make_initiator()
    initiator.step(None)
    initiator.step(response(chosen=OTHER))
    initiator.step(response(token=b"challenge"))
    with pytest.raises(AuthenticationError, match="list of mechanisms"):
        initiator.step(response(NegState.ACCEPT_COMPLETED, mic=mic))
    assert not initiator.complete


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(response(NegState.ACCEPT_COMPLETED), id="at once"),
        pytest.param(response(NegState.ACCEPT_COMPLETED, token=b"x"), id="with a challenge"),
        pytest.param(response(NegState.ACCEPT_COMPLETED, chosen=OTHER), id="by another mechanism"),
        pytest.param(response(NegState.ACCEPT_COMPLETED, mic=mic_of(LIST)), id="with a signature"),
        pytest.param(response(NegState.REJECT), id="rejection"),
        pytest.param(response(chosen=b"unknown"), id="unknown mechanism"),
        pytest.param(response(), id="nothing"),
        pytest.param(b"", id="empty"),
        pytest.param(encode_hint([KERBEROS]), id="another hint"),
    ],
)
def test_a_server_that_ends_it_too_early_or_says_nonsense(token: bytes) -> None:
    initiator = make_initiator()
    initiator.step(None)
    with pytest.raises(AuthenticationError, match="logon token is not right"):
        initiator.step(token)
    assert not initiator.complete


def test_a_server_that_never_ends() -> None:
    initiator = make_initiator(rounds=100)
    initiator.step(None)
    for _ in range(4):
        initiator.step(response(token=b"more"))
    with pytest.raises(AuthenticationError, match="more than 5"):
        initiator.step(response(token=b"more"))


def test_the_first_that_a_hint_leaves_is_the_one_that_begins() -> None:
    initiator = make_initiator()
    init = NegTokenInit.decode(initiator.step(encode_hint([OTHER, KERBEROS])))
    assert init == NegTokenInit([KERBEROS, OTHER], LIST, b"token 1")
    answer = NegTokenResp.decode(initiator.step(response(chosen=KERBEROS, token=b"challenge")))
    assert answer == NegTokenResp(NegState.ACCEPT_COMPLETED, None, b"token 2")
    other = make_initiator()
    other.step(encode_hint([OTHER]))
    answer = NegTokenResp.decode(other.step(response(chosen=OTHER, token=b"challenge")))
    assert answer == NegTokenResp(NegState.ACCEPT_COMPLETED, None, b"token 2")
    assert other.complete


def test_a_server_that_signs_the_list_gets_a_signature_too() -> None:
    initiator = make_initiator()
    initiator.step(None)
    signed = response(chosen=KERBEROS, token=b"challenge", mic=mic_of(LIST))
    assert NegTokenResp.decode(initiator.step(signed)) == NegTokenResp(
        NegState.ACCEPT_INCOMPLETE, None, b"token 2", mic_of(LIST)
    )
    assert not initiator.complete
    # Only once, and the server ends it.
    again = NegTokenResp.decode(initiator.step(response()))
    assert again == NegTokenResp(NegState.ACCEPT_INCOMPLETE)
    assert initiator.step(response(NegState.ACCEPT_COMPLETED)) == b""
    assert initiator.complete


def test_a_server_that_repeats_its_token_has_signed_nothing() -> None:
    initiator = make_initiator()
    initiator.step(None)
    answer = initiator.step(response(token=b"challenge", mic=b"challenge"))
    assert NegTokenResp.decode(answer) == NegTokenResp(NegState.ACCEPT_COMPLETED, None, b"token 2")
    assert initiator.complete


def test_the_mechanism_is_changed_once() -> None:
    initiator = make_initiator(rounds=3)
    initiator.step(None)
    initiator.step(response(chosen=OTHER))
    with pytest.raises(AuthenticationError, match="it chooses a mechanism that was not offered"):
        initiator.step(response(chosen=KERBEROS, token=b"challenge"))
    late = make_initiator(rounds=3)
    late.step(None)
    late.step(response(token=b"challenge"))
    with pytest.raises(AuthenticationError, match="it chooses a mechanism that was not offered"):
        late.step(response(chosen=OTHER))
