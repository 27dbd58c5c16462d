"""One target under atheris, in a process of its own: `python -m tests.fuzz.worker`.

It goes on after a finding; what it finds, and the inputs that reach something new, are files.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fuzz.findings import Findings

SECONDS = 30
"""How long one input may take, at most."""
MEBIBYTES = 2048
"""How much memory the process may have, at most."""
MISSING = "atheris is needed for fuzzing (Linux, Python 3.11 to 3.13): pip install --group fuzz"


def _declared(message: type[Any]) -> Iterator[type[Any]]:
    """The messages whose methods are compiled of declarations, which no import shows."""
    for body in message.__subclasses__():
        if "LAYOUT" in vars(body):
            yield body
        yield from _declared(body)


def main() -> None:
    """Run until the time is over."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.worker")
    parser.add_argument("target")
    parser.add_argument("folder", type=Path, help="with the folders corpus and findings")
    parser.add_argument("--until", type=float, required=True, help="on the monotonic clock")
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    try:
        import atheris
    except ImportError:
        sys.exit(MISSING)
    # The arithmetic of MD4 has no decisions worth steps of their own.
    with atheris.instrument_imports(include=["smbquic"], exclude=["smbquic.crypto.md4"]):
        from smbquic.wire.message import Message, compile_message
        from tests.fuzz.targets import load

        target = load(given.target)
    for body in _declared(Message):
        compile_message(body)
        for method in (body.decode, body.encode, body.buffers):
            if method.__code__.co_filename.startswith("<smbquic."):
                atheris.instrument_func(method)
    findings = Findings(given.target, given.folder / "findings")

    def try_input(data: bytes) -> None:
        try:
            target.run(data)
        except Exception as error:
            findings.note(data, error)

    options = {
        "max_total_time": max(int(given.until - time.monotonic()), 1),
        "seed": given.seed % 2**31 + 1,
        "max_len": target.longest,
        "timeout": SECONDS,
        "rss_limit_mb": MEBIBYTES,
        "handle_xfsz": 0,
        "artifact_prefix": f"{given.folder}/",
    }
    flags = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *flags, str(given.folder / "corpus")], try_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
