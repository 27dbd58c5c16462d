"""PEM texts that hold no key, for tests of the errors about them.

They are composed, so that tools that look for private keys in a repository find none here.
"""


def pem(label: str, base64: str) -> str:
    """Return a whole PEM block; `base64` is not checked."""
    return f"{begin(label)}{base64}\n-----END {label}-----\n"


def begin(label: str) -> str:
    """Return the first line of a PEM block."""
    return f"-----BEGIN {label}-----\n"
