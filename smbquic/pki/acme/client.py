"""Obtains a certificate from an ACME server: account, order, challenges, certificate. [RFC 8555]

All of it blocks, and runs on a thread. Whatever the server answers is bounded: `network` does that
for each answer, and whoever calls does it for the whole with `AcmeClient.end`.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import requests
from acme import challenges, errors, messages
from acme.client import ClientV2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from josepy.errors import Error as JoseError
from josepy.jwk import JWKEC

from smbquic.auth.secret_files import exposure
from smbquic.errors import PkiError
from smbquic.options.acme import AcmeOptions
from smbquic.pki.acme.challenges import ChallengeAnswer, Publisher
from smbquic.pki.acme.errors import AcmeError
from smbquic.pki.acme.network import AcmeSockets, BoundedNetwork
from smbquic.pki.acme.store import AcmeAccount, AcmeStore
from smbquic.pki.authority import certificate_pem, key_pem
from smbquic.pki.explain import explain, reasons_for_refusal
from smbquic.pki.files import read_password
from smbquic.pki.subject import Purpose, general_name, subject_names

POLL_TIMEOUT = timedelta(minutes=5)
"""The time for the server to verify all names, and once more to issue the certificate."""
MAX_CHAIN = 10
"""Certificates in what the server issues."""
_MAX_TOKEN = 200
"""Characters of a token, which is the name of a file: [RFC 8555] 8.1 has no limit."""
_MAX_TEXT = 300
"""Characters of the server's explanations."""
_COMMON_NAME_LIMIT = 64
_KNOWN_FAILURES = (
    errors.Error,
    JoseError,
    requests.RequestException,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the package acme raises on what an ACME server may answer."""

_log = logging.getLogger(__name__)


class AcmeClient:
    """A client of one ACME server, for one use."""

    def __init__(self, options: AcmeOptions, store: AcmeStore, publisher: Publisher) -> None:
        self._options = options
        self._store = store
        self._publisher = publisher
        self._sockets = AcmeSockets()

    def end(self) -> None:
        """Have the call that is going on fail soon; may be called on any thread."""
        self._sockets.end()

    def obtain(self) -> None:
        """Obtain a certificate, with a new key, and store it. Raises `AcmeError`."""
        with self._store.locked() as alone:
            if not alone:
                raise AcmeError("another process obtains this certificate now")
            account = self._store.account() or _new_account()
            key = _account_key(account)
            network = BoundedNetwork(key, self._options.ca, self._sockets)
            with self._failures(network):
                self._issue(network, key, account)

    def renewal_time(self) -> tuple[datetime | None, float]:
        """Ask the server when to renew, and after how many seconds to ask again. [RFC 9773]

        The time is None where the server does not say. Raises `AcmeError`.
        """
        credential = self._store.credential()
        if credential is None:
            return None, 0.0
        network = BoundedNetwork(None, self._options.ca, self._sockets)
        with self._failures(network):
            client = ClientV2(ClientV2.get_directory(self._options.directory, network), network)
            at, again = client.renewal_time(certificate_pem(credential.certificate))
            # acme gives one in UTC, and the other one in local time without its zone.
            return at, (again - datetime.now()).total_seconds()

    def _issue(self, network: BoundedNetwork, key: JWKEC, account: AcmeAccount) -> None:
        options = self._options
        client = ClientV2(ClientV2.get_directory(options.directory, network), network)
        if account.url:
            network.account = _account_at(account.url)
        else:
            self._register(client, network, key, account)
        private_key = ec.generate_private_key(ec.SECP256R1())
        request = _signing_request(options, private_key)
        try:
            order = client.new_order(request)
        except messages.Error as error:
            if error.code != "accountDoesNotExist":
                raise
            # The authority has been set up anew, as a private one may be.
            self._register(client, network, key, account)
            order = client.new_order(request)
        with ExitStack() as published:
            self._answer(client, order, key, published)
            order = client.poll_authorizations(order, _deadline())
            order = client.finalize_order(order, _deadline())
        chain = _checked(order.fullchain_pem, private_key, options)
        self._store.save(key_pem(private_key), b"".join(map(certificate_pem, chain)))

    def _register(
        self, client: ClientV2, network: BoundedNetwork, key: JWKEC, account: AcmeAccount
    ) -> None:
        """Make an account with the account's key, or find the one of this key, and store it."""
        options = self._options
        terms = getattr(getattr(client.directory, "meta", None), "terms_of_service", None)
        binding = None
        if options.eab_key_id is not None and options.eab_key_file is not None:
            problem = exposure(options.eab_key_file, "key")
            if problem is not None:
                raise AcmeError(problem)
            binding = messages.ExternalAccountBinding.from_data(
                key.public_key(),
                options.eab_key_id,
                read_password(options.eab_key_file),
                client.directory,
            )
        network.account = None
        try:
            url = client.new_account(
                messages.NewRegistration.from_data(
                    email=options.email,
                    terms_of_service_agreed=True,
                    external_account_binding=binding,
                )
            ).uri
        except errors.ConflictError as found:
            url = found.location
            network.account = _account_at(url)
        self._store.save_account(AcmeAccount(account.key_pem, str(url)))
        _log.info("%s: there is an account now, by these terms: %s", options.directory, terms)

    def _answer(
        self,
        client: ClientV2,
        order: messages.OrderResource,
        key: JWKEC,
        published: ExitStack,
    ) -> None:
        """Publish the answers to all challenges, until `published` is closed, and say so."""
        ready = []
        for authorization in order.authorizations:
            name = _own_name(authorization, self._options)
            if authorization.body.status == messages.STATUS_VALID:
                continue
            challenge = _challenge(authorization, name, self._options.challenge)
            response, value = challenge.response_and_validation(key)
            token = challenge.chall.encode("token")
            if len(token) > _MAX_TOKEN:
                raise AcmeError(f"{name}: the token of the challenge is too long")
            answer = ChallengeAnswer(name, token, value)
            published.callback(self._withdraw, answer)
            self._publisher.publish(answer)
            ready.append((challenge, response))
        for challenge, response in ready:
            client.answer_challenge(challenge, response)

    def _withdraw(self, answer: ChallengeAnswer) -> None:
        """Remove an answer; one that stays harms nobody, and must not cost the certificate."""
        try:
            self._publisher.withdraw(answer)
        except (PkiError, OSError) as error:
            _log.warning("the answer to a challenge for %s is left: %s", answer.name, error)

    @contextmanager
    def _failures(self, network: BoundedNetwork) -> Iterator[None]:
        """Raise `AcmeError` for all that may go wrong, with what the server asks us to wait.

        The connections are closed at the end: an error's traceback would keep them for a while.
        """
        try:
            yield
        except PkiError as error:
            raise AcmeError(str(error), network.retry_after) from error
        except _KNOWN_FAILURES as error:
            text = f"{self._options.directory}: {_describe(error)}"
            raise AcmeError(text, network.retry_after) from error
        finally:
            network.session.close()


def _deadline() -> datetime:
    """Return the end of a wait, as acme wants it: local time without its zone."""
    return datetime.now() + POLL_TIMEOUT


def _new_account() -> AcmeAccount:
    """Return an account that the server does not have yet."""
    return AcmeAccount(key_pem(ec.generate_private_key(ec.SECP256R1())), "")


def _account_at(url: str) -> messages.RegistrationResource:
    return messages.RegistrationResource(body=messages.Registration(), uri=url)


def _account_key(account: AcmeAccount) -> JWKEC:
    key = load_pem_private_key(account.key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AcmeError("the key of the ACME account is no ECDSA key")
    return JWKEC(key=key)


def _signing_request(options: AcmeOptions, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the certificate signing request for all names, PEM."""
    names = list(dict.fromkeys(map(general_name, options.names)))
    # Windows refuses a certificate with an empty subject.
    common = next(
        (
            each.value
            for each in names
            if isinstance(each, x509.DNSName) and len(each.value) <= _COMMON_NAME_LIMIT
        ),
        None,
    )
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common)] if common else []
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(subject))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(Encoding.PEM)


def _own_name(authorization: messages.AuthorizationResource, options: AcmeOptions) -> str:
    """Return the name that an authorization is for, which is one that was ordered."""
    name = str(authorization.body.identifier.value)
    ordered = {str(general_name(each.removeprefix("*.")).value) for each in options.names}
    if name.casefold() not in ordered:
        raise AcmeError(f"the server asks about {_shortened(name)!r}, which was not ordered")
    return name


def _challenge(
    authorization: messages.AuthorizationResource, name: str, kind: str
) -> messages.ChallengeBody:
    for each in authorization.body.challenges:
        if each.chall.typ == kind and isinstance(each.chall, challenges.KeyAuthorizationChallenge):
            return each
    raise AcmeError(f"{name}: the server does not offer the challenge {kind}: use another")


def _checked(
    chain_pem: str, key: ec.EllipticCurvePrivateKey, options: AcmeOptions
) -> list[x509.Certificate]:
    """Return the chain that was issued. Raises `AcmeError` for one that cannot be used."""
    chain = x509.load_pem_x509_certificates(chain_pem.encode())
    if len(chain) > MAX_CHAIN:
        raise AcmeError(f"the server issued a chain of {len(chain)} certificates")
    leaf = chain[0]
    if leaf.public_key() != key.public_key():
        raise AcmeError("the server issued a certificate for another key")
    issued = {general_name(name) for name in subject_names(leaf)}
    missing = [name for name in options.names if general_name(name) not in issued]
    if missing:
        raise AcmeError(f"the server issued a certificate without {', '.join(missing)}")
    problems = reasons_for_refusal(explain(chain, Purpose.SERVER, at=datetime.now(UTC)))
    if problems:
        raise AcmeError(f"the server issued a certificate that is refused: {'; '.join(problems)}")
    return chain


def _describe(error: Exception) -> str:
    """Return one line about a failure. What the server says about it is shortened."""
    if isinstance(error, errors.ValidationError):
        found = [
            f"{each.body.identifier.value}: {challenge.chall.typ} failed:"
            f" {_explanation(challenge.error)}"
            for each in error.failed_authzrs
            for challenge in each.body.challenges
            if challenge.error is not None
        ]
        return _shortened("; ".join(found))
    if isinstance(error, messages.Error):
        return _shortened(_explanation(error))
    if isinstance(error, errors.IssuanceError):
        return _shortened(_explanation(error.error))
    if isinstance(error, errors.TimeoutError):
        return f"the server did not finish within {POLL_TIMEOUT.seconds // 60} minutes"
    if isinstance(error, requests.RequestException):
        return f"no answer: {_shortened(str(error))}"
    return f"the answer is none of ACME: {_shortened(str(error) or type(error).__name__)}"


def _explanation(error: messages.Error) -> str:
    detail = error.detail or error.title or error.description or "without a reason"
    return f"{detail} ({error.code})" if error.code else str(detail)


def _shortened(text: str) -> str:
    """Return a text of the server in one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}..."
