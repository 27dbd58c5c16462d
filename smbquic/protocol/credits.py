"""Credits: which message ids may be used, and what a message costs.

A credit is the right to use one message id ([MS-SMB2] 3.3.1.1). The server keeps the window of
ids that it granted and has not seen; the client keeps what it was granted and has not spent. A
message that carries, or asks for, more than 64 KiB costs a credit for each 64 KiB begun.
"""

from collections.abc import Callable
from typing import Any

from smbquic.errors import LocalProtocolError, RemoteProtocolError
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.query_info import QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest

CREDIT_SIZE = 65536
"""Payload bytes that one credit pays for."""

_PAYLOAD_SIZES: dict[type, Callable[[Any], int]] = {
    ReadRequest: lambda body: body.length,
    WriteRequest: lambda body: len(body.data),
    IoctlRequest: lambda body: max(len(body.input), body.max_output_response),
    QueryDirectoryRequest: lambda body: body.output_buffer_length,
    QueryInfoRequest: lambda body: max(len(body.input_buffer), body.output_buffer_length),
    SetInfoRequest: lambda body: len(body.buffer),
    ChangeNotifyRequest: lambda body: body.output_buffer_length,
}


def payload_size(body: object) -> int:
    """Return the larger of what a request carries and what its response may carry, in bytes.

    [MS-SMB2] 3.1.5.2
    """
    measure = _PAYLOAD_SIZES.get(type(body))
    return measure(body) if measure else 0


def credit_charge(body: object) -> int:
    """Return what a request costs in a multi-credit dialect, at least 1. [MS-SMB2] 3.1.5.2"""
    return max(payload_size(body) - 1, 0) // CREDIT_SIZE + 1


class CommandWindow:
    """The server's command sequence window: `{0}` at first. [MS-SMB2] 3.3.1.1

    Its span is limited to `limit` ids: a client that leaves the lowest one unused gets no more
    until it uses it, so what is remembered here is bounded.
    """

    __slots__ = ("_high", "_low", "_seen", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._low = 0  # the lowest id that was not used yet
        self._high = 1  # the first id that was not granted yet
        self._seen: set[int] = set()  # used ids above the lowest unused one

    @property
    def held(self) -> int:
        """Credits that the client holds: ids granted and not used."""
        return self._high - self._low - len(self._seen)

    def consume(self, message_id: int, charge: int) -> None:
        """Use `charge` consecutive ids from `message_id` on. [MS-SMB2] 3.3.5.2.3

        Raises `RemoteProtocolError` for an id that was not granted, or was used before.
        """
        end = message_id + charge
        # Both end the connection, as the specification asks: a client that has lost count cannot
        # get an error, because a response needs a message id that both ends agree on.
        if message_id < self._low or end > self._high:
            raise RemoteProtocolError(
                f"message id {message_id} (charge {charge}) is outside of the granted window"
                f" {self._low} to {self._high - 1}"
            )
        if message_id == self._low and not self._seen:
            # Most clients use their ids in order, so that nearly all requests are handled here:
            # nothing is remembered for them.
            self._low = end
            return
        ids = range(message_id, end)
        if not self._seen.isdisjoint(ids):
            raise RemoteProtocolError(f"message id {message_id} (charge {charge}) was used before")
        self._seen.update(ids)
        # The window moves on once its lowest id is used, over all that were used out of order.
        while self._low in self._seen:
            self._seen.remove(self._low)
            self._low += 1

    def grant(self, requested: int) -> int:
        """Grant the credits that the client asks for, up to the limit; return how many that are.

        The client is never left without a credit. [MS-SMB2] 3.3.1.2
        """
        # The span counts, and not what is held: an id that the client leaves out stays in the
        # window, and every id above it that was used is remembered until it comes.
        granted = min(requested, self.limit - (self._high - self._low))
        if granted <= 0:
            # A client without any credit could not even ask for one.
            granted = 0 if self.held else 1
        self._high += granted
        return granted


class CreditPool:
    """The client's side: ids granted to it and not spent yet. [MS-SMB2] 3.2.4.1.6"""

    __slots__ = ("_next", "available")

    def __init__(self) -> None:
        self.available = 1
        self._next = 0

    def spend(self, charge: int) -> int:
        """Spend `charge` credits; return the first of the message ids that they stand for.

        Raises `LocalProtocolError` if fewer are there: assuming credits that were not granted
        makes servers hang up.
        """
        if charge > self.available:
            raise LocalProtocolError(f"{charge} credits wanted, {self.available} there")
        message_id = self._next
        self._next += charge
        self.available -= charge
        return message_id

    def grant(self, credits: int) -> None:
        """Add what a response granted."""
        self.available += credits
