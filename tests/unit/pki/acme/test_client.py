"""The client of an ACME server that answers what it should not; integration has a real one."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from acme import errors, messages
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from smbquic.options.acme import AcmeOptions
from smbquic.pki import Authority, PkiDirectory, Purpose, Validity
from smbquic.pki.acme import client, network
from smbquic.pki.acme.challenges import HttpAnswers
from smbquic.pki.acme.client import AcmeClient
from smbquic.pki.acme.errors import AcmeError
from smbquic.pki.acme.store import AcmeStore
from smbquic.pki.authority import certificate_pem
from smbquic.pki.subject import general_name, now_utc

OPTIONS = AcmeOptions(names=("fs.example", "*.fs.example"), challenge="dns-01", hook=Path("hook"))


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def issued(pki: PkiDirectory, key: Any, *names: str, life: timedelta = timedelta(days=1)) -> str:
    authority: Authority = pki.issuer()
    validity = Validity(now_utc() - timedelta(days=2), now_utc() + life)
    issued = authority.issue(Purpose.SERVER, "fs.example", key, validity, names)
    return issued.certificate_pem.decode()


def checked(chain: str, key: Any) -> Any:
    return client._checked(chain, key, OPTIONS)


def test_the_chain_that_was_ordered(pki: PkiDirectory, key: ec.EllipticCurvePrivateKey) -> None:
    chain = issued(pki, key, "fs.example", "*.fs.example", "more.example")
    found = checked(f"text before\n{chain}text behind", key)
    assert "".join(certificate_pem(each).decode() for each in found) == chain


@pytest.mark.parametrize(
    ("names", "life", "more", "words"),
    [
        (("fs.example",), 1, "", r"without \*\.fs\.example"),
        (("fs.example", "*.fs.example"), -1, "", "a certificate that is refused: .*expired"),
        (("fs.example", "*.fs.example"), 1, "long", "a chain of 12 certificates"),
    ],
)
def test_a_certificate_that_is_of_no_use(
    pki: PkiDirectory,
    key: ec.EllipticCurvePrivateKey,
    names: tuple[str, ...],
    life: int,
    more: str,
    words: str,
) -> None:
    chain = issued(pki, key, *names, life=timedelta(days=life))
    if more:
        chain += pki.ca.read_text() * 10
    with pytest.raises(AcmeError, match=words):
        checked(chain, key)


def test_a_certificate_for_another_key(pki: PkiDirectory, key: ec.EllipticCurvePrivateKey) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(AcmeError, match="for another key"):
        checked(issued(pki, other, "fs.example", "*.fs.example"), key)


@pytest.mark.parametrize(
    ("names", "subject"),
    [
        (("fs.example", "b.example"), "CN=fs.example"),
        (("192.0.2.1", "a" * 60 + ".example", "b.example"), "CN=b.example"),
        (("192.0.2.1",), ""),
    ],
)
def test_what_is_ordered(
    key: ec.EllipticCurvePrivateKey, names: tuple[str, ...], subject: str
) -> None:
    request = client._signing_request(AcmeOptions(names=(*names, *names)), key)
    found = x509.load_pem_x509_csr(request)
    assert found.subject.rfc4514_string() == subject
    assert found.public_key() == key.public_key()
    [extension] = found.extensions
    assert list(extension.value) == [general_name(name) for name in names]


def authorization(name: str, *kinds: str) -> Any:
    offered = [SimpleNamespace(chall=SimpleNamespace(typ=kind)) for kind in kinds]
    body = SimpleNamespace(identifier=SimpleNamespace(value=name), challenges=offered)
    return SimpleNamespace(body=body)


def test_only_names_that_were_ordered() -> None:
    assert client._own_name(authorization("FS.example"), OPTIONS) == "FS.example"
    for name in ("other.example", "a.fs.example", "--help", "x" * 10_000):
        with pytest.raises(AcmeError, match="which was not ordered") as caught:
            client._own_name(authorization(name), OPTIONS)
        assert len(str(caught.value)) < 400


def test_addresses_are_compared_as_such() -> None:
    options = AcmeOptions(names=("2001:DB8:0::1",))
    assert client._own_name(authorization("2001:db8::1"), options) == "2001:db8::1"


def test_a_challenge_that_is_not_offered() -> None:
    with pytest.raises(AcmeError, match="does not offer the challenge dns-01"):
        client._challenge(authorization("fs.example", "http-01"), "fs.example", "dns-01")
    # One of that name which is none of ours.
    with pytest.raises(AcmeError, match="does not offer"):
        client._challenge(authorization("fs.example", "dns-01"), "fs.example", "dns-01")


LIMITED = messages.Error.with_code("rateLimited", detail="too\nmany " * 1000)
FAILED: Any = SimpleNamespace(
    body=SimpleNamespace(
        identifier=SimpleNamespace(value="fs.example"),
        challenges=[
            SimpleNamespace(chall=SimpleNamespace(typ="http-01"), error=LIMITED),
            SimpleNamespace(chall=SimpleNamespace(typ="dns-01"), error=None),
        ],
    )
)


@pytest.mark.parametrize(
    ("error", "begin"),
    [
        (LIMITED, "too many too many"),
        (messages.Error.from_json({"type": "about:blank", "title": "a title"}), "a title"),
        (messages.Error.from_json({}), "without a reason"),
        (errors.ValidationError([FAILED]), "fs.example: http-01 failed: too many"),
        (errors.IssuanceError(LIMITED), "too many too many"),
        (errors.TimeoutError(), "the server did not finish within 5 minutes"),
        (requests.ConnectionError("x" * 1000), "no answer: xxx"),
        (KeyError(), "the answer is none of ACME: KeyError"),
    ],
)
def test_one_line_about_each_failure(error: Exception, begin: str) -> None:
    text = client._describe(error)
    assert text.startswith(begin)
    assert len(text) < 350
    assert "\n" not in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("newNonce", "newAccount", "newOrder", "meta", "termsOfService", "status"),
                    *("identifiers", "authorizations", "finalize", "type", "url", "value"),
                    *("challenges", "identifier", "token", "certificate", "renewalInfo"),
                    *("suggestedWindow", "start", "end"),
                )
            ),
            inner
            | st.sampled_from(("https://ca.example/", "dns", "fs.example", "valid", "pending"))
            | st.sampled_from(("dns-01", "2026-01-01T00:00:00Z", "a" * 40)),
            max_size=12,
        )
    ),
    max_leaves=20,
)
DIRECTORY = {
    name: f"https://ca.example/{name}"
    for name in ("newNonce", "newAccount", "newOrder", "renewalInfo")
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> AcmeStore:
    store = AcmeStore(
        AcmeOptions(names=("fs.example",), state=tmp_path_factory.mktemp("acme") / "state")
    )
    store.prepare()
    store.save(pki.server.key.read_bytes(), pki.server.certificate.read_bytes())
    return store


def answering(answers: Iterator[tuple[int, Any]]) -> Any:
    """A session whose server has these answers, first of all a directory."""

    def request(session: Any, method: str, url: str, **options: Any) -> requests.Response:
        response = requests.Response()
        response.url = url
        response.status_code, content = next(answers)
        response._content = json.dumps(content).encode()
        response.headers["Content-Type"] = "application/json"
        response.headers["Replay-Nonce"] = "bm9uY2U"
        response.headers["Location"] = "https://ca.example/location"
        response.headers["Link"] = '<https://ca.example/up>;rel="up"'
        return response

    return request


@pytest.mark.parametrize("call", ["obtain", "renewal_time"])
@settings(max_examples=40)
@given(
    directory=st.just(DIRECTORY) | JSON,
    answers=st.lists(st.tuples(st.sampled_from((200, 201, 400, 500)), JSON), max_size=8),
)
def test_whatever_the_server_answers(
    store: AcmeStore, call: str, directory: Any, answers: list[tuple[int, Any]]
) -> None:
    def all_answers() -> Iterator[tuple[int, Any]]:
        yield 200, directory
        yield from answers
        raise requests.ConnectionError("there is no more")

    before = store.certificate.read_bytes()
    options = AcmeOptions(names=("fs.example",), ca=Path("ca.pem"))
    made = AcmeClient(options, store, HttpAnswers())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network._Session, "request", answering(all_answers()))
        patch.setattr("acme.client.time.sleep", lambda seconds: None)
        try:
            getattr(made, call)()
            text = ""
        except AcmeError as error:
            text = str(error)
    assert len(text) < 600
    assert text or call == "renewal_time"
    assert store.certificate.read_bytes() == before


def test_a_key_of_an_external_account_that_others_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("a2V5\n")
    file.chmod(0o644)
    options = AcmeOptions(names=("fs.example",), eab_key_id="kid", eab_key_file=file)
    answers = iter([(200, DIRECTORY)])
    monkeypatch.setattr(network._Session, "request", answering(answers))
    empty = AcmeStore(AcmeOptions(names=("fs.example",), state=tmp_path / "state"))
    empty.prepare()
    with pytest.raises(AcmeError, match="others can read or change this key"):
        AcmeClient(options, empty, HttpAnswers()).obtain()


def test_an_answer_that_is_nested_too_deep(
    store: AcmeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def request(*arguments: Any, **options: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response._content = b"[" * 200_000
        return response

    monkeypatch.setattr(network._Session, "request", request)
    with pytest.raises(AcmeError, match="the answer is none of ACME"):
        AcmeClient(OPTIONS, store, HttpAnswers()).obtain()


def test_another_process_is_at_it(store: AcmeStore) -> None:
    with store.locked(), pytest.raises(AcmeError, match="another process"):
        AcmeClient(OPTIONS, store, HttpAnswers()).obtain()


def test_without_a_certificate_there_is_nothing_to_ask(tmp_path: Path) -> None:
    empty = AcmeStore(AcmeOptions(names=("fs.example",), state=tmp_path))
    assert AcmeClient(OPTIONS, empty, HttpAnswers()).renewal_time() == (None, 0.0)
