"""The fixtures that tests of the crypto room share."""

import pytest

from tests.unit.crypto.sessions import (
    ANSWERED_WITH_CCM,
    ANSWERED_WITH_GCM,
    ENCRYPTED_WITH_CCM,
    ENCRYPTED_WITH_GCM,
    EXCHANGE,
    Encrypted,
    Exchange,
)


@pytest.fixture
def exchange() -> Exchange:
    return EXCHANGE


@pytest.fixture
def encrypted_with_ccm() -> Encrypted:
    """A WRITE request under AES-128-CCM, dialect 3.0 ("Encryption in SMB 3.0")."""
    return ENCRYPTED_WITH_CCM


@pytest.fixture
def answered_with_ccm() -> Encrypted:
    """The server's answer to `encrypted_with_ccm`."""
    return ANSWERED_WITH_CCM


@pytest.fixture
def encrypted_with_gcm() -> Encrypted:
    """A WRITE request under AES-128-GCM, dialect 3.1.1 ("SMB 3.1.1 Encryption in Windows 10")."""
    return ENCRYPTED_WITH_GCM


@pytest.fixture
def answered_with_gcm() -> Encrypted:
    """The server's answer to `encrypted_with_gcm`."""
    return ANSWERED_WITH_GCM
