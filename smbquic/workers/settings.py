"""What a worker is told when it starts."""

import json
from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import Any

from smbquic.lazy_dataclass import dataclass
from smbquic.options.limits import Limits
from smbquic.transport.quic.connection_ids import ConnectionIdFormat
from smbquic.transport.quic.listener_keys import ListenerKeys
from smbquic.transport.quic.options import QuicOptions

_NOT_SENT = ("secrets_log", "qlog")
_BYTES = "base64"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The settings of a worker, whose number is in `options`.

    `listeners` are the descriptors of its UDP sockets, and `sockets` is that of the socket by which
    it hands connections over. `certificates` is what `smbquic.pki.plain_values.encode` returns.
    `log_level` is the lowest level of log records that the main process takes.
    """

    listeners: list[int]
    sockets: int
    options: QuicOptions
    limits: Limits
    certificates: list[dict[str, Any]]
    log_level: int

    def encode(self) -> str:
        """Return the settings as JSON."""
        values = asdict(self)
        for name in _NOT_SENT:
            del values["options"][name]
        return json.dumps(values, default=_plain)

    @classmethod
    def decode(cls, text: str) -> "WorkerSettings":
        """Return the settings of JSON. Raises ValueError and TypeError."""
        values = json.loads(text, object_hook=_from_plain)
        options = values.pop("options")
        options["connection_ids"] = ConnectionIdFormat(**options["connection_ids"])
        options["keys"] = ListenerKeys(**options["keys"])
        limits = Limits(**values.pop("limits"))
        return cls(options=QuicOptions(**options), limits=limits, **values)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return {_BYTES: b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} cannot be sent to a worker")


def _from_plain(values: dict[str, Any]) -> Any:
    return b64decode(values[_BYTES]) if values.keys() == {_BYTES} else values
