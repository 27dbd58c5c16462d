"""`smbquic shell` as people and scripts use it: over both transports, and on a terminal."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.integration.program import PASSWORD, Served, environment, running, serve_arguments

PATIENCE = 60.0
HOSTILE = (
    "a\x1b[31mred",
    "b\nls",
    "c\u202egpj.exe",
    "$(touch pwned)",
    "`touch pwned`",
    "..\\..\\d",
)
"""Names that would do something, were they written or run as they are."""


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    files = (pki.server.certificate, pki.server.key)
    arguments = serve_arguments(directory, *files, "quic://127.0.0.1:0", "tcp://127.0.0.1:0")
    with running(*arguments) as ready:
        yield Served(directory / "share", pki, ready["listeners"])


@pytest.fixture
def served(_served: Served) -> Served:
    """A server whose share has the folder ``in`` with two reports."""
    for path in sorted(_served.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    (_served.folder / "in").mkdir()
    (_served.folder / "in" / "report one.txt").write_text("one")
    (_served.folder / "in" / "reply.txt").write_text("two")
    return _served


@pytest.fixture(params=["quic", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The local folder, where the shell begins."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def shell(
    served: Served, commands: str, *options: str, path: str = "", transport: str = "tcp"
) -> "subprocess.CompletedProcess[str]":
    return served.run("shell", served.url(path, transport), "-c", commands, *options)


# --- scripts --------------------------------------------------------------------------------------


def test_a_script(served: Served, here: Path, transport: str) -> None:
    (here / "local one").write_text("local")
    commands = """cd in; get "report one.txt"; get reply.txt copy.txt; mkdir new; cd new
        put "local one"; scopy "local one" copied; rename copied renamed; pwd; cd ..; cd /
        hardlink in/reply.txt linked; setmode linked +h; ls in/*.txt; ls | sort | head -1
        !echo $((6*7))
        rm in/*.txt; cat "\\in\\new\\renamed"; exit; rm linked"""
    result = shell(served, commands, transport=transport)
    assert (result.returncode, result.stderr) == (0, "")
    assert (here / "report one.txt").read_text() == "one"
    assert (here / "copy.txt").read_text() == "two"
    assert names(served.folder / "in") == ["new"]
    assert (served.folder / "in" / "new" / "renamed").read_text() == "local"
    assert (served.folder / "linked").read_text() == "two"
    lines = result.stdout.splitlines()
    assert "/in/new" in lines
    assert "42" in lines
    assert [line.split()[-1] for line in lines if line.endswith(".txt")] == ["reply.txt", "one.txt"]
    assert lines[-1] == "local"


def test_whole_folders(served: Served, here: Path, transport: str) -> None:
    tree = served.folder / "tree" / "deep" / "deeper"
    tree.mkdir(parents=True)
    for number in range(20):
        (tree / f"F{number}.TXT").write_text(str(number))
        (tree.parent / f"f{number}.dat").write_text(str(number))
    (here / "lower").mkdir()
    script = """recurse; lowercase on; mask *.txt; lcd lower; mget tree
        lcd ..; mask *; lowercase off; mget tr*"""
    result = shell(served, script, transport=transport)
    assert (result.returncode, result.stderr) == (0, "")
    assert "got 20 files" in result.stdout
    assert "got 40 files" in result.stdout
    assert names(here / "lower/tree/deep/deeper") == sorted(f"f{n}.txt" for n in range(20))
    assert len(list(here.glob("tree/**/*.*"))) == 40
    (here / "tree" / "link").symlink_to("deep")
    script = "recurse; cd in; lcd tree; mput d*; ls; deltree deep; ls"
    result = shell(served, script, transport=transport)
    assert "put 40 files" in result.stdout
    assert result.stdout.count("deep/") > 1
    assert not (served.folder / "in" / "deep").exists()


def test_what_is_shown(served: Served, here: Path) -> None:
    script = "stat reply.txt; allinfo reply.txt; du; df; volume; showconnect; history; help get"
    result = shell(served, script, path="in")
    assert (result.returncode, result.stderr) == (0, "")
    for text in ("size            3", "2 files in 0 folders, 6 B", "label ", "transport       tcp"):
        assert text in result.stdout
    assert "get FILE [LOCAL]" in result.stdout
    result = shell(served, "cd in; pwd; ls; get reply.txt; recurse; stat reply.txt", "--json")
    folder, listed, got, recurse, stat = map(json.loads, result.stdout.splitlines())
    assert folder == {"folder": "/in"}
    assert [entry["name"] for entry in listed["entries"]] == ["reply.txt", "report one.txt"]
    assert (got["files"], got["bytes"], recurse) == (1, 3, {"recurse": True})
    assert stat["path"] == "in/reply.txt"


def test_times_and_names(served: Served, here: Path) -> None:
    script = (
        "utimes reply.txt -1 -1 2001:02:03-04:05:06 -1; mask; timeout 30; prompt; lpwd; altname x"
    )
    result = shell(served, script, path="in")
    assert result.returncode == 5
    assert (served.folder / "in" / "reply.txt").stat().st_mtime > 981_000_000
    assert (served.folder / "in" / "reply.txt").stat().st_mtime < 982_000_000
    assert result.stdout.splitlines() == [
        "mask is *",
        "timeout is 30 seconds",
        "prompt is off",
        str(here),
    ]


@pytest.mark.parametrize(
    ("commands", "code", "words"),
    [
        ("cd nowhere; rm *", 5, "nowhere: no such"),
        ("get in/reply.txt missing/x; rm *", 1, "missing"),
        ("nonsense; rm *", 2, "nonsense is no command"),
        ("get; rm *", 2, "write: get FILE"),
        ('cd "in; rm *', 2, "not closed"),
        ("cd ../..; rm *", 2, "leads out of the share"),
        ("!exit 7; rm *", 1, "exit code 7"),
        ("ls | grep nothing; rm *", 1, "exit code 1"),
        ("cd in/reply.txt; rm *", 5, "not a folder"),
        ("utimes in now -1 -1 -1; rm *", 2, "is no time"),
        ("setmode in +x; rm *", 2, "is no mode"),
        ("timeout soon; rm *", 2, "is no number"),
        ("mput *.none; rm *", 1, "*.none"),
        ("del *.none; rm *", 5, "no such file"),
    ],
)
def test_the_first_failure_ends_a_script(
    served: Served, here: Path, commands: str, code: int, words: str
) -> None:
    (served.folder / "kept").touch()
    result = shell(served, commands)
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert (served.folder / "kept").exists()


def test_a_command_may_fail(served: Served, here: Path) -> None:
    result = shell(served, "-mkdir in; - cd nowhere; -nonsense; -!false; pwd")
    assert (result.returncode, result.stdout) == (0, "/\n")
    assert len(result.stderr.splitlines()) == 4


def test_a_reader_that_ends_early_is_no_failure(served: Served, here: Path) -> None:
    (served.folder / "large").write_bytes(bytes(4 << 20))
    result = shell(served, "cat large | head -c 3 | wc -c; pwd")
    assert (result.returncode, result.stdout.split(), result.stderr) == (0, ["3", "/"], "")


def test_the_begin_of_a_shell(served: Served, here: Path) -> None:
    result = shell(served, "pwd", path="in")
    assert result.stdout == "/in\n"
    assert shell(served, "pwd", path="none").returncode == 5
    assert shell(served, "pwd", path="in/reply.txt").returncode == 5


def started(served: Served, *arguments: str, transport: str = "tcp") -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "smbquic", "shell", served.url("", transport), *arguments]
    pipe = subprocess.PIPE
    variables = environment(SMBQUIC_CA=served.ca, SMBQUIC_PASSWORD=PASSWORD)
    return subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1, env=variables
    )


def test_a_script_from_standard_input(served: Served, here: Path, transport: str) -> None:
    with started(served, transport=transport) as process:
        output, errors = process.communicate("# a comment\n\ncd in; pwd\r\nls none\npwd\n")
    assert (process.returncode, output) == (5, "/in\n")
    assert "none" in errors


def test_the_connection_is_made_again(tmp_path: Path, pki: PkiDirectory, here: Path) -> None:
    files = (pki.server.certificate, pki.server.key)
    arguments = serve_arguments(tmp_path, *files)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(contextlib.ExitStack())
        ready = server.enter_context(running(*arguments, "--listen", "tcp://127.0.0.1:0"))
        served = Served(tmp_path / "share", pki, ready["listeners"])
        process = stack.enter_context(started(served))
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("mkdir one\npwd\n")
        assert process.stdout.readline() == "/\n"
        server.close()
        stack.enter_context(running(*arguments, "--listen", *ready["listeners"]))
        output, errors = process.communicate("mkdir two\npwd\n")
        assert (process.returncode, output, errors) == (0, "/\n", "")
        assert names(served.folder) == ["one", "two"]


# --- a terminal -----------------------------------------------------------------------------------


class ShellTerminal:
    """A terminal on which a shell runs."""

    def __init__(self, served: Served, path: str = "", transport: str = "tcp") -> None:
        self._master, slave = os.openpty()
        command = [sys.executable, "-m", "smbquic", "shell", served.url(path, transport)]
        variables = environment(SMBQUIC_CA=served.ca, SMBQUIC_PASSWORD=PASSWORD, TERM="dumb")
        variables["INPUTRC"] = os.devnull
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=slave, stdout=slave, stderr=slave, env=variables
        )
        os.close(slave)
        self.shown = ""

    def __enter__(self) -> "ShellTerminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> str:
        """Return what was shown up to a pattern. Raises `TimeoutError`."""
        while not (found := re.search(pattern, self.shown)):
            ready, _, _ = select.select([self._master], [], [], patience)
            if not ready:
                raise TimeoutError(f"no {pattern!r} in {self.shown!r}")
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                data = b""
            assert data, f"no {pattern!r} in {self.shown!r}, and it has ended"
            self.shown += data.decode()
        before, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return before

    def interrupt(self, prompt: str) -> None:
        """Type Ctrl-C, and wait for a prompt; type it again when nothing more is shown for a time.

        What was typed before has to be shown by then: a terminal drops with Ctrl-C what was not
        read yet, and readline, which is about to read it, would wait for the next character. A
        signal that comes right before Python waits for a character takes effect with the next one.
        """
        for _ in range(5):
            self.type("\x03")
            try:
                self.wait_for(prompt, patience=5)
            except TimeoutError:
                continue
            return
        raise AssertionError(f"no {prompt!r} after Ctrl-C")

    def end(self) -> int:
        """Type Ctrl-D, and return the exit code."""
        self.type("\x04")
        return self.process.wait(PATIENCE)


def test_a_prompt(served: Served, here: Path, tmp_path: Path, transport: str) -> None:
    with ShellTerminal(served, transport=transport) as terminal:
        terminal.wait_for("data:/> ")
        terminal.type("cd i\t\n")
        terminal.wait_for("data:/in> ")
        terminal.type("get rep\t\t\t")  # the first one adds a quotation mark
        terminal.wait_for("reply.txt")
        terminal.type("o\t\n")
        terminal.wait_for("got 1 file")
        terminal.wait_for("data:/in> ")
        terminal.type("half a line")
        terminal.wait_for("half a line")
        terminal.interrupt("data:/in> ")
        terminal.type(" ls secret; pwd\n")
        terminal.wait_for("no such file")
        terminal.type("lc\tstate\t\n")
        terminal.wait_for("No such file")
        terminal.type("ls | cat -n; pwd; !echo $((6*7))\n")
        terminal.wait_for("1\t-----")
        terminal.wait_for("\n42")
        terminal.wait_for("data:/in> ")
        assert terminal.end() == 0
    assert (here / "report one.txt").read_text() == "one"
    history = tmp_path / "state" / "smbquic" / "shell_history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert history.read_text().splitlines() == [
        "cd in/",
        'get "report one.txt" ',
        "lcd state",
        "ls | cat -n; pwd; !echo $((6*7))",
    ]


def test_questions(served: Served, here: Path) -> None:
    with ShellTerminal(served, "in") as terminal:
        terminal.type("mget *\n")
        terminal.wait_for(r"get in/reply.txt\? \(y/N\) ")
        terminal.type("y\n")
        terminal.wait_for(r"get in/report one.txt\? \(y/N\) ")
        terminal.interrupt("data:/in> ")
        terminal.type("prompt off; mget *one*\n")
        terminal.wait_for("got 1 file")
        terminal.wait_for("data:/in> ")
        assert terminal.end() == 0
    assert [path.name for path in here.iterdir()] == ["report one.txt"]


def test_ctrl_c_ends_a_transfer_and_not_the_shell(
    served: Served, here: Path, transport: str
) -> None:
    os.mkfifo(here / "endless")
    writer = os.open(here / "endless", os.O_RDWR)  # so that it has no end
    try:
        with ShellTerminal(served, "in", transport) as terminal:
            terminal.wait_for("data:/in> ")
            terminal.type("notify\n")
            terminal.wait_for("notify\r\n")
            terminal.interrupt("data:/in> ")
            terminal.type("put endless\n")
            while not any(".smbquic" in name for name in names(served.folder / "in")):
                select.select([], [], [], 0.01)
            terminal.interrupt("data:/in> ")
            # A CREATE whose response was not there yet is cleaned up after while the shell goes on.
            while any(".smbquic" in name for name in names(served.folder / "in")):
                select.select([], [], [], 0.01)
            assert names(served.folder / "in") == ["reply.txt", "report one.txt"]
            terminal.type("!exec sleep 1000\n")
            terminal.wait_for("sleep 1000\r\n")
            # Debian's sh has a moment in which it does not hand SIGINT on to what it starts.
            while "sleep" not in _children(terminal.process.pid):
                select.select([], [], [], 0.01)
            terminal.interrupt("data:/in> ")
            assert terminal.end() == 0
    finally:
        os.close(writer)


def _children(pid: int) -> list[str]:
    """Return the names of the programs that a process has started and waits for."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{child}/comm").read_text().strip() for child in children]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_it(served: Served, here: Path, number: signal.Signals, code: int) -> None:
    with ShellTerminal(served) as terminal:
        terminal.wait_for("data:/> ")
        code_found = None
        while code_found is None:
            # One that comes just before readline waits for input is only noticed after the input.
            terminal.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                code_found = terminal.process.wait(0.5)
        assert code_found == code


def test_hostile_names(served: Served, here: Path) -> None:
    for name in HOSTILE:
        (served.folder / name).write_text(name)
    with ShellTerminal(served) as terminal:
        terminal.wait_for("data:/> ")
        terminal.type("ls; prompt off; mget *\n")
        # Ctrl-U empties the line.
        terminal.type("get \t\t\x15get a\t\x15!echo $\t\x15!echo done$((1+1))\n")
        shown = terminal.wait_for("done2")
        terminal.wait_for("data:/> ")
        assert terminal.end() == 0
    assert "a\\x1b[31mred" in shown
    assert "b\\x0als" in shown
    assert "c\\x202e" in shown
    assert "\x1b[31m" not in shown
    assert "\u202e" not in shown
    assert names(here) == sorted(HOSTILE)
    assert not list(here.parent.glob("d"))
