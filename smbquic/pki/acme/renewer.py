"""Obtains the certificate of a running server, and renews it in time.

The file that it writes is found by `smbquic.pki.reload`, as any other certificate that changes.
"""

import asyncio
import logging
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from typing import Any, Protocol

from cryptography import x509

from smbquic.errors import PkiError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.acme import AcmeOptions
from smbquic.pki.acme.challenges import HttpAnswers, Publisher, publisher
from smbquic.pki.acme.errors import AcmeError
from smbquic.pki.acme.http_listener import HttpListener
from smbquic.pki.acme.schedule import (
    LONGEST_RENEWAL_CHECK,
    SHORTEST_RENEWAL_CHECK,
    covers,
    due,
    pause_after,
    rest,
)
from smbquic.pki.acme.store import AcmeStore
from smbquic.pki.acme.threads import in_thread
from smbquic.pki.subject import now_utc

OBTAIN_TIMEOUT = 1800.0
"""Seconds for all that an ACME server and the hooks may take for one certificate."""
ASK_TIMEOUT = 120.0
"""Seconds for the question when to renew."""
CLOCK_CHECK = 600.0
"""Seconds after which the wall clock is read again: it may be set, and the machine may sleep."""

_log = logging.getLogger(__name__)


class RenewalClient(Protocol):
    """What `smbquic.pki.acme.client.AcmeClient` is for the renewer: for one use."""

    def obtain(self) -> None:
        """Obtain a certificate, and store it. Raises `AcmeError`."""

    def renewal_time(self) -> tuple[datetime | None, float]:
        """Return when to renew, and after how many seconds to ask again. Raises `AcmeError`."""

    def end(self) -> None:
        """Have the call that is going on fail soon."""


MakeClient = Callable[[AcmeOptions, AcmeStore, Publisher], RenewalClient]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalOutcome:
    """The outcome of one attempt; `reason` is why it failed. `not_after` is the present end."""

    names: tuple[str, ...]
    directory: str
    reason: str | None
    not_after: datetime | None


class AcmeRenewer:
    """Obtains and renews the certificate of some options.

    `sockets` are those at which http-01 is answered, instead of those of the options. `make_client`
    is by default the class `AcmeClient`; without the extra it raises `PkiError`.
    """

    def __init__(
        self,
        options: AcmeOptions,
        make_client: MakeClient | None = None,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        self.options = options
        self._sockets = sockets
        self.store = AcmeStore(options)
        self.answers = HttpAnswers()
        self._make_client = make_client or _client_class()
        self._publisher = publisher(options, self.answers)
        self._awake = asyncio.Event()
        self._failures = 0
        self._reason: str | None = None
        self._next = now_utc()
        self._random = random.random()  # noqa: S311  (spreads the load)
        self._suggested: datetime | None = None
        self._ask_at = self._next

    def prepare(self) -> None:
        """Make the folders, and check the hook. Raises `PkiError`."""
        self.store.prepare()
        hook = self.options.hook
        if hook is not None and not os.access(hook, os.X_OK):
            raise PkiError(f"{hook}: this user cannot run it, as the hook of acme: chmod +x {hook}")

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Answer http-01, if that is for us to do. Raises `UrlError` and `AcmeError`."""
        if not self.options.serves_http or self.options.challenge != "http-01":
            yield
            return
        listener = HttpListener(self.answers.by_path)
        await listener.open(self.options.http_listen, self._sockets)
        try:
            yield
        finally:
            await listener.close()

    def status(self) -> dict[str, Any]:
        """Return what `smbquic status` shows: the server, the next attempt, the last failure."""
        return {
            "directory": self.options.directory,
            "next": self._next.isoformat(),
            "failures": self._failures,
            "reason": self._reason,
        }

    def retry(self) -> None:
        """Check now whether the certificate has to be renewed, also soon after a failure."""
        self._awake.set()

    async def obtain_first(self, on_wait: Callable[[timedelta], object] = lambda _: None) -> None:
        """Return at once if there is a certificate; else obtain one, however long that takes.

        Calls `on_wait` before each wait after a failure.
        """
        while self._certificate() is None:
            _log.warning(
                "there is no certificate yet: one for %s is obtained from %s before clients are"
                " served",
                ", ".join(self.options.names),
                self.options.directory,
            )
            outcome, pause = await self.attempt()
            if outcome.reason is not None:
                on_wait(pause)
                await self._wait(pause)

    async def run(self, record: Callable[[RenewalOutcome], object]) -> None:
        """Renew the certificate whenever it is due, until cancelled; `record` what comes of it."""
        while True:
            self._awake.clear()
            try:
                pause = await self._until_due()
                if pause is None:
                    outcome, pause = await self.attempt()
                    record(outcome)
            except Exception:
                # A bug must not be the end of all renewals.
                _log.exception("the certificate could not be checked, which is tried again")
                pause = timedelta(seconds=CLOCK_CHECK)
            await self._wait(pause)

    async def _until_due(self) -> timedelta | None:
        """Return how long to wait until the next check; None to renew now."""
        certificate, now = self._certificate(), now_utc()
        if certificate is None or not covers(certificate, tuple(self.options.names)):
            return None
        await self._ask(now)
        self._next = due(certificate, self._suggested, self._random)
        if self._next <= now:
            return None
        return min(self._next - now, timedelta(seconds=CLOCK_CHECK))

    async def _ask(self, now: datetime) -> None:
        """Ask the server when to renew, if the time for that has come."""
        if now < self._ask_at:
            return
        again = 0.0
        client = self._client()
        try:
            self._suggested, again = await in_thread(client.renewal_time, client.end, ASK_TIMEOUT)
        except Exception as error:
            # The former proposal, or the certificate's age, has to do, whatever it is.
            _log.info("%s does not say when to renew: %r", self.options.directory, error)
        again = min(max(again, SHORTEST_RENEWAL_CHECK), LONGEST_RENEWAL_CHECK)
        self._ask_at = now + timedelta(seconds=again)

    async def attempt(self) -> tuple[RenewalOutcome, timedelta]:
        """Try to obtain a certificate; return the outcome, and how long to wait."""
        client, retry_after = self._client(), 0.0
        try:
            await in_thread(client.obtain, client.end, OBTAIN_TIMEOUT)
        except PkiError as error:
            self._reason = str(error)
            retry_after = error.retry_after if isinstance(error, AcmeError) else 0.0
        except TimeoutError:
            self._reason = f"it took longer than {OBTAIN_TIMEOUT // 60:.0f} minutes"
        except Exception as error:
            # A bug must not keep the next attempt from being made.
            _log.exception("obtaining a certificate failed")
            self._reason = f"an error of this program: {error!r}"
        else:
            self._reason = None
        return self._outcome(retry_after)

    def _outcome(self, retry_after: float) -> tuple[RenewalOutcome, timedelta]:
        certificate = self._certificate()
        outcome = RenewalOutcome(
            names=tuple(self.options.names),
            directory=self.options.directory,
            reason=self._reason,
            not_after=certificate.not_valid_after_utc if certificate is not None else None,
        )
        if self._reason is None:
            self._failures = 0
            self._suggested, self._ask_at = None, now_utc()
            self._random = random.random()  # noqa: S311  (spreads the load)
            _log.info("there is a new certificate until %s", outcome.not_after)
            return outcome, rest(certificate) if certificate is not None else timedelta(0)
        self._failures += 1
        pause = pause_after(self._failures, retry_after, random.random())  # noqa: S311
        self._next = now_utc() + pause
        _log.error(
            "no certificate for %s: %s; the next attempt is at %s, and %s",
            ", ".join(outcome.names),
            self._reason,
            self._next.isoformat(),
            _remaining(outcome.not_after),
        )
        return outcome, pause

    async def _wait(self, pause: timedelta) -> None:
        """Wait for some time, or until `retry` is called."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause.total_seconds()):
                await self._awake.wait()

    def _certificate(self) -> x509.Certificate | None:
        """Return the present certificate; None where there is none that can be used."""
        try:
            credential = self.store.credential()
        except PkiError as error:
            _log.warning("the former certificate cannot be used: %s", error)
            return None
        return credential.certificate if credential is not None else None

    def _client(self) -> RenewalClient:
        return self._make_client(self.options, self.store, self._publisher)


async def obtain_first(
    options: AcmeOptions,
    *,
    sockets: Sequence[socket.socket] = (),
    rights: AbstractContextManager[object] | None = None,
    on_wait: Callable[[timedelta], object],
) -> None:
    """Obtain a certificate if there is none, before a program serves.

    The port is bound with the present rights, and everything else is done with `rights`. Raises
    `PkiError` and `UrlError`.
    """
    renewer = AcmeRenewer(options, sockets=sockets)
    async with renewer.listening():
        with rights or nullcontext():
            renewer.prepare()
            await renewer.obtain_first(on_wait)


def _remaining(not_after: datetime | None) -> str:
    if not_after is None:
        return "there is no former one"
    left = not_after - now_utc()
    if left < timedelta(0):
        return f"the former one expired on {not_after:%Y-%m-%d}"
    return f"the former one is valid for {left.days} days more"


def _client_class() -> MakeClient:
    """Return the class of clients. Raises `PkiError` without the package acme."""
    try:
        from smbquic.pki.acme.client import AcmeClient
    except ImportError as error:
        raise PkiError(
            "the package acme is not installed, which obtains certificates: run pip install"
            " 'smbquic[acme]'"
        ) from error
    return AcmeClient
