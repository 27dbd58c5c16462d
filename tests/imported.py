"""Which modules a program imports: what takes most of the time until a command does its work."""

import subprocess
import sys

ENGINES = ("aioquic", "qh3", "smbquic_native")
SERVER = (
    "smbquic.server",
    "smbquic.api.server",
    "smbquic.api.serving",
    "smbquic.transport.quic.listener",
)


def imported(program: str, environment: dict[str, str] | None = None) -> set[str]:
    """Return the modules that a program in Python has imported when it ends, which must succeed."""
    result = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(result.stderr.splitlines()[-1].split())


def command(*arguments: str) -> str:
    """Return a program that runs `smbquic` with these arguments."""
    return f"from smbquic.cli.main import main\nassert main({list(arguments)}) == 0"
