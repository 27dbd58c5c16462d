"""Quantities as people write them: "20mbit", "50ms", "1%", "64kib", and back.

A number without a unit is in the base unit: bits per second, seconds, a fraction, bytes.
"""

import math
import re
from collections.abc import Mapping

RATES = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
TIMES = {"ns": 10**-9, "us": 10**-6, "ms": 10**-3, "s": 1}
SHARES = {"%": 0.01}
SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}

_QUANTITY = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z%]*)\s*", re.ASCII | re.IGNORECASE)


def _parse(text: str | float, units: Mapping[str, float], what: str) -> float:
    """`text` in the base unit; a ValueError that says what would be understood."""
    if not isinstance(text, str):
        if not 0 <= text < math.inf:
            raise ValueError(f"{text!r} is no {what}")
        return text
    found = _QUANTITY.fullmatch(text)
    if not found or (found[2] and found[2].lower() not in units):
        raise ValueError(f"{text!r} is no {what}: a number and one of {', '.join(units)}")
    # Divide by whole units: 0.7 * 0.001 is not 0.0007.
    scale = units[found[2].lower()] if found[2] else 1
    return float(found[1]) / round(1 / scale) if scale < 1 else float(found[1]) * scale


def parse_rate(text: str | float) -> int:
    """Bits per second; "unlimited" is 0."""
    if isinstance(text, str) and text.strip().lower() == "unlimited":
        return 0
    return round(_parse(text, RATES, "rate"))


def parse_time(text: str | float) -> int:
    """Nanoseconds."""
    return round(_parse(text, TIMES, "time") * 10**9)


def parse_share(text: str | float) -> float:
    """A fraction of 1."""
    share = _parse(text, SHARES, "share")
    if share > 1:
        raise ValueError(f"{text!r} is more than all of it")
    return share


def parse_size(text: str | float) -> int:
    """Bytes."""
    return round(_parse(text, SIZES, "size"))


def format_rate(bits_per_second: float) -> str:
    """A rate for a table."""
    if not bits_per_second:
        return "unlimited"
    for unit, scale in reversed(RATES.items()):
        if bits_per_second >= scale:
            return f"{bits_per_second / scale:.6g}{unit}"
    return f"{bits_per_second:.6g}bit"


def format_time(nanoseconds: float) -> str:
    """A time for a table."""
    for unit, scale in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.6g}{unit}"
    return f"{nanoseconds:.6g}ns"


def format_share(share: float) -> str:
    """A fraction for a table."""
    return f"{share * 100:.4g}%"
