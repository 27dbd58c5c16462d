"""The settings of a worker, there and back."""

import pytest

from smbquic.options.limits import DEFAULT_LIMITS, Limits
from smbquic.transport.quic.connection_ids import ConnectionIdFormat
from smbquic.transport.quic.options import QuicOptions
from smbquic.workers.settings import WorkerSettings

SETTINGS = WorkerSettings(
    listeners=[5, 7],
    sockets=9,
    options=QuicOptions(
        engine="aioquic",
        congestion="bbr",
        tls_ciphers=["AES-256-GCM"],
        tls_groups=["X25519"],
        connection_ids=ConnectionIdFormat(
            server_id=b"\0\xff", key=bytes(range(16)), worker=1, workers=2
        ),
    ),
    limits=Limits(connections=7),
    certificates=[{"names": ["fs.example"]}],
    log_level=20,
)


def test_they_are_the_same_in_the_worker() -> None:
    assert WorkerSettings.decode(SETTINGS.encode()) == SETTINGS
    assert SETTINGS.limits.session_seconds == DEFAULT_LIMITS.session_seconds == float("inf")


def test_what_cannot_be_sent() -> None:
    with pytest.raises(TypeError, match="object"):
        WorkerSettings([], 0, QuicOptions(), Limits(), [{"a": object()}], 0).encode()
