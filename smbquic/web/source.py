"""What the web listener shows."""

from typing import Any, Protocol


class WebSource(Protocol):
    """A server or a gateway that runs."""

    def status(self) -> dict[str, Any]:
        """Return what it is doing, as plain values."""

    def unready(self) -> str:
        """Return why it should get no new clients now; an empty text if it should."""
