"""The secret keys of a listener, which several processes may share."""

import os
from dataclasses import field

from smbquic.lazy_dataclass import dataclass

KEY_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerKeys:
    """The keys for what a listener gives to clients and recognizes later.

    Processes that listen on one port have to have the same: a client may come back to any of them.
    `address_validation` is for the tokens in Retry packets, `tickets` for TLS sessions, and
    `stateless_resets` for the tokens of stateless resets. Without the last one, these are derived
    from the private key of the certificate, so that they outlive the process.
    """

    address_validation: bytes = field(default_factory=lambda: os.urandom(KEY_SIZE), repr=False)
    tickets: bytes = field(default_factory=lambda: os.urandom(KEY_SIZE), repr=False)
    stateless_resets: bytes | None = field(default=None, repr=False)
