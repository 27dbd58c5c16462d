"""README.md and the tutorial, word for word, by an ordinary user in a fresh home.

Every code block is taken from the page as it stands there and is run in the order of the page, in
the terminals and with the answers that its text speaks of.
"""

from tests.docs.machine import ReaderMachine
from tests.docs.reading import READY, Reader


def test_readme(fresh_machine: ReaderMachine) -> None:
    server = fresh_machine.terminal("server")
    client = fresh_machine.terminal("client")
    for terminal in (server, client):
        terminal.run("cd ~/smbquic")
    # What the reader has: a folder to share, and a file to send.
    (fresh_machine.srv / "data" / "photos").mkdir()
    (fresh_machine.srv / "data" / "photos" / "sea.jpg").write_bytes(b"waves")
    (fresh_machine.home / "smbquic" / "report.pdf").write_bytes(b"%PDF-1.7 It went well.")

    with Reader(fresh_machine, "README.md") as reader:
        assert "done in" in reader.run("# See it work", client)
        reader.leave_out("# Run the whole test suite", why=".ci/run does, word for word")
        reader.start(". .venv/bin/activate", server, ready=READY)
        # The environment and the copy that the page speaks of.
        client.run(". .venv/bin/activate; cp ~/.local/share/smbquic/pki/ca.pem .")
        reader.run("export SMBQUIC_CA", client)
        assert (fresh_machine.home / "smbquic" / "photos" / "sea.jpg").read_bytes() == b"waves"
        assert (fresh_machine.srv / "data" / "in" / "report.pdf").is_file()
        reader.leave_out("smbquic gateway", why="test_howto runs it; here is no other server")
        assert "It went well" in reader.python("import asyncio", client)


def test_tutorial(fresh_machine: ReaderMachine) -> None:
    first, second = fresh_machine.terminal("first"), fresh_machine.terminal("second")
    with Reader(fresh_machine, "docs/tutorial/first-share.md") as reader:
        assert "version" in reader.run("cd ~/smbquic", first)
        reader.leave_out("smbquic demo", why="takes long, and test_readme runs it")
        reader.run("mkdir -p ~/shared/reports", first)
        shown = reader.start("smbquic serve", first, ready=READY)
        reader.compare("serving on", shown)

        assert "ms" in reader.run("cd ~/smbquic", second)
        reader.compare("Sales went up.", reader.run("smbquic ls", second))
        reader.run("(umask 077", second)
        reader.compare("Sales went down.", reader.run("echo", second))
        assert "april.txt" in reader.run("ls -l ~/shared", second)
        reader.compare("refused, with", reader.run("env -u SMBQUIC_CA", second))

        reader.write("import os", second, file="first.py")
        reader.compare("['april.txt'", reader.run("python first.py", second))

        third = fresh_machine.terminal("third")
        reader.start("cd ~/smbquic", third, ready="4450")
        fetched = reader.run_with("smbclient", "smbclient //127.0.0.1", second)
        assert fetched is None or "Nobody knows." in fetched

        third.interrupt()
        first.interrupt()
        reader.run("rm -r", second)
    assert not (fresh_machine.home / "shared").exists()
