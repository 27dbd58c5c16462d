"""Names on a command line: of arms, of works, of programs."""

import fnmatch


def is_chosen(name: str, patterns: str) -> bool:
    """Return whether one of several patterns with wildcards, separated by commas, matches."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns.split(","))
