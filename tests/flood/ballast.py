"""Takes a part of a processor's time away and does nothing else: `ballast.py SHARE NICE`.

Stands in for attackers where quiet is measured: they and the server share the machine here, and
what they take from the honest client by being there at all is not the server's fault.
"""

import os
import sys
import time

NAP = 0.002


def main() -> None:
    """See the module's docstring."""
    share = float(sys.argv[1])
    os.nice(int(sys.argv[2]))
    started = time.monotonic()
    while True:
        while time.process_time() < share * (time.monotonic() - started):
            pass
        time.sleep(NAP)


if __name__ == "__main__":
    main()
