import socket
import sys

import pytest

from benchmarks.link import LinkError
from benchmarks.link.host import Host

HERE = Host("client", "127.0.0.1", environment={"SMBQUIC_TEST_HOST": "here"})
SAY = [sys.executable, "-c", "import os; print(os.environ['SMBQUIC_TEST_HOST'])"]
CORES = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]


def test_commands_have_the_environment_of_the_host() -> None:
    assert HERE.run(SAY).stdout == "here\n"


def test_a_command_that_fails_shows_what_it_printed() -> None:
    with pytest.raises(LinkError, match="exit code 1\nno room"):
        HERE.run([sys.executable, "-c", "raise SystemExit('no room')"])


def test_commands_of_a_pinned_host_have_one_core() -> None:
    assert HERE.pinned(0).run(CORES).stdout == "[0]\n"


def test_a_port_that_is_listened_on_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        HERE.wait_for_port(("tcp", port))
        assert ("tcp", port) in HERE.listening()
    with pytest.raises(LinkError, match=f"nobody listens on tcp {port} of the client after 0 s"):
        HERE.wait_for_port(("tcp", port), timeout=0)
