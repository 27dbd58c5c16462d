import subprocess
import sys

from smbquic.client.first_messages import CONNECTED, LOGGED_ON, NEGOTIATED

COUNTED = """
from smbquic.client.first_messages import compile_steps
print(*(len(list(compile_steps(quic=quic))) for quic in (False, True, True)))
"""


def test_each_class_is_compiled_once() -> None:
    # In a program of its own, as those of this one have been used by other tests.
    done = subprocess.run(
        [sys.executable, "-c", COUNTED], capture_output=True, text=True, timeout=60, check=True
    )
    first, of_quic, again = map(int, done.stdout.split())
    assert first > len({*CONNECTED, *NEGOTIATED, *LOGGED_ON})
    assert (of_quic, again) == (1, 0)
