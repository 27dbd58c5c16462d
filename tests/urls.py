"""URLs of servers on this machine."""

_SCHEMES = {"tcp": "smb", "quic": "smb+quic"}


def share_url(transport: str, port: int | str, share: str = "data", *, user: str = "alice") -> str:
    """Return the URL of a share on this machine's server over ``tcp`` or ``quic``."""
    return f"{_SCHEMES[transport]}://{user}@localhost:{port}/{share}"
