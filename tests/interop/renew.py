"""Writes down what smbtorture says now: ``python -m tests.interop.renew``."""

import json
import tempfile
from pathlib import Path

from smbquic.pki import init
from tests.interop import torture
from tests.interop.processes import OLD_CLIENTS, running_server


def main() -> None:
    """Run all suites and replace the list of expected outcomes."""
    outcomes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        pki = init(Path(folder) / "pki")
        with running_server(Path(folder), pki, *OLD_CLIENTS) as server:
            for suite in torture.SUITES:
                outcomes |= torture.run(suite, server.ports["tcp"], server.share)[0]
    before = torture.expected() if torture.EXPECTED.exists() else {}
    for name in sorted({*before, *outcomes}):
        was, now = before.get(name, "nothing"), outcomes.get(name, "nothing")
        if was != now:
            print(f"{name}: {was} -> {now}")
    torture.EXPECTED.write_text(json.dumps(outcomes, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
