import pytest

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.identity import Identity
from smbquic.auth.spnego.acceptor import Acceptor
from smbquic.auth.spnego.tokens import NegState, NegTokenInit, NegTokenResp
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from tests.unit.auth.spnego.mechanisms import KERBEROS, OTHER, Mechanism, mic_of

UNKNOWN = bytes.fromhex("2b0601040101")


def make_acceptor(kerberos_rounds: int = 1) -> Acceptor:
    mechanisms = [Mechanism(KERBEROS, "Kerberos", kerberos_rounds), Mechanism(OTHER, "Other")]
    return Authenticator(mechanisms).new_acceptor()


def init(*oids: bytes, token: bytes = b"ticket") -> NegTokenInit:
    return NegTokenInit.of(list(oids), token)


def test_the_hint_names_all_mechanisms_in_their_order() -> None:
    authenticator = Authenticator([Mechanism(KERBEROS, "Kerberos"), Mechanism(OTHER, "Other")])
    assert NegTokenInit.decode(authenticator.hint()).mech_types == [KERBEROS, OTHER]


def test_a_mechanism_of_one_token_is_complete_at_once() -> None:
    acceptor = make_acceptor()
    answer = NegTokenResp.decode(acceptor.step(init(KERBEROS, OTHER).encode()))
    assert answer == NegTokenResp(NegState.ACCEPT_COMPLETED, KERBEROS, b"token 1")
    assert acceptor.complete
    assert acceptor.identity == Identity("alice", "REALM")
    assert acceptor.session_key == b"K" * 16


def test_the_clients_first_choice_that_is_known_is_taken() -> None:
    acceptor = make_acceptor()
    offer = init(UNKNOWN, OTHER, KERBEROS)
    answer = NegTokenResp.decode(acceptor.step(offer.encode()))
    assert answer == NegTokenResp(NegState.REQUEST_MIC, OTHER)
    mic = mic_of(offer.mech_list)
    last = acceptor.step(NegTokenResp(response_token=b"ticket", mech_list_mic=mic).encode())
    assert NegTokenResp.decode(last) == NegTokenResp(
        NegState.ACCEPT_COMPLETED, None, b"token 1", mic
    )
    assert acceptor.complete


def test_how_long_the_list_of_a_client_may_be() -> None:
    def offer(size: int) -> NegTokenInit:
        fillers = (init(UNKNOWN, OTHER, b"+" + bytes(count)) for count in range(2000))
        return next(each for each in fillers if len(each.mech_list) == size)

    for size in (1023, 1024):
        answer = NegTokenResp.decode(make_acceptor().step(offer(size).encode()))
        assert answer == NegTokenResp(NegState.REQUEST_MIC, OTHER)
    for size in (1025, 1500):
        with pytest.raises(AuthenticationError, match="too long") as refused:
            make_acceptor().step(offer(size).encode())
        assert refused.value.status == NtStatus.INVALID_PARAMETER


@pytest.mark.parametrize("mic", [None, b"ticket", b"MICabcd"])
def test_a_list_that_was_shortened_on_the_way(mic: bytes | None) -> None:
    acceptor = make_acceptor()
    acceptor.step(init(UNKNOWN, OTHER).encode())
    with pytest.raises(AuthenticationError, match="list of mechanisms"):
        acceptor.step(NegTokenResp(response_token=b"ticket", mech_list_mic=mic).encode())
    assert not acceptor.complete
    assert acceptor.session_key == b""
    with pytest.raises(AuthenticationError, match="not complete"):
        _ = acceptor.identity


def test_nothing_in_common() -> None:
    with pytest.raises(AuthenticationError, match="no Kerberos or Other"):
        make_acceptor().step(init(UNKNOWN).encode())


def test_more_tokens_than_one() -> None:
    acceptor = make_acceptor(kerberos_rounds=3)
    acceptor.step(init(KERBEROS).encode())
    for number in (2, 3):
        assert not acceptor.complete
        answer = acceptor.step(NegTokenResp(response_token=b"more").encode())
        assert NegTokenResp.decode(answer).response_token == b"token %d" % number
    assert acceptor.complete


def test_without_spnego() -> None:
    acceptor = make_acceptor(kerberos_rounds=2)
    assert acceptor.step(b"Kerberos ticket") == b"token 1"
    assert not acceptor.complete
    assert acceptor.step(b"more") == b"token 2"
    assert acceptor.complete


def test_a_refused_token_ends_the_logon() -> None:
    acceptor = make_acceptor()
    with pytest.raises(AuthenticationError, match="wrong ticket"):
        acceptor.step(init(KERBEROS, token=b"wrong").encode())
    with pytest.raises(AuthenticationError, match="over") as refusal:
        acceptor.step(init(KERBEROS).encode())
    assert refusal.value.status is NtStatus.INVALID_PARAMETER
