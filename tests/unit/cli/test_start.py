"""The start of the program."""

from tests.imported import imported

STARTING = """
import gc, sys

collected = []

def note(phase, info):
    program = sys.modules.get("smbquic.cli.main")
    if program is not None and not hasattr(program, "run"):
        collected.append(phase)

gc.callbacks.append(note)
from smbquic.cli import start
sys.argv = ["smbquic", "--version"]
try:
    start.run()
except SystemExit as end:
    assert end.code == 0
assert not collected
assert gc.isenabled()
assert gc.get_threshold() == (5_000, 10, 10)
"""


def test_nothing_is_collected_while_the_program_is_imported_and_little_later() -> None:
    assert "smbquic.cli.main" in imported(STARTING)
