"""The common parts of the programs at both ends."""

import json
import resource
from typing import Any


def emit(**document: Any) -> None:
    """Print one line of JSON for the process that started this one."""
    print(json.dumps(document), flush=True)


def raise_descriptor_limit() -> None:
    """Allow as many open files as the system lets us: one or two for each connection."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
