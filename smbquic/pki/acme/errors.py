"""The error of ACME."""

from smbquic.errors import PkiError


class AcmeError(PkiError):
    """No certificate could be obtained. `retry_after` are the seconds that the server asks for."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
