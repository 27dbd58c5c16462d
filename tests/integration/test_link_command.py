"""``python -m benchmarks.link``: what it runs, and that nothing of it stays behind."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import benchmarks.link
from benchmarks.link import Link, LinkUnavailable, remove_leftovers
from benchmarks.link.__main__ import main
from tests.integration.program import wait_until

pytestmark = pytest.mark.usefixtures("network_namespaces")

PROGRAM = [sys.executable, "-m", "benchmarks.link"]
NOBODY = 65534
# Says the ids of the shell and of a child in the background, and waits.
LINGER = """
sh -c 'echo $$; exec sleep 300' &
sleep 300 &
echo $$
wait
"""
# The child cannot be asked to end.
STUBBORN = LINGER.replace("'echo", '\'trap "" TERM HUP INT; echo')
# Once one answer has come, ping waits for the next ones no longer than that took, or than a pause.
PINGS = "for n in 1 2 3; do ping -c 1 -W 60 $SMBQUIC_LINK_SERVER; done"
# Needs no program of Debian's.
LISTEN = "python3 -c 'import socket; socket.create_server((\"\", 7000)).accept()'"


def is_gone(process: int) -> bool:
    """The process has ended, perhaps without anybody having waited for it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def namespaces_of(process: int) -> list[str]:
    """The named namespaces that this process made."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if line.startswith(f"smbquic-{process}-")]


def children_of(process: int) -> set[int]:
    """Its children and theirs."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    children = {int(child) for task in tasks for child in task.read_text().split()}
    return children.union(*(children_of(child) for child in children))


class Lingering:
    """The command with commands on both ends that go on until they are ended."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            # Whoever runs the tests may ignore signals, and what it starts then would as well.
            ["env", "--default-signal", *PROGRAM, "--rate", "10mbit", "--", "sh", "-c", LINGER],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        shells = {int(self.process.stdout.readline()) for _ in range(2)}
        self.processes = children_of(self.process.pid) | shells
        # The emulator, the two shells and the two sleeps; one of the shells became one.
        assert len(self.processes) >= 4
        assert not any(is_gone(process) for process in self.processes)

    def all_is_gone(self) -> bool:
        return all(map(is_gone, self.processes)) and not namespaces_of(self.process.pid)

    def close(self) -> None:
        """Even if the test failed."""
        for process in (self.process.pid, *self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def lingering() -> Iterator[Lingering]:
    with contextlib.closing(Lingering()) as started:
        yield started


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_nothing_stays_after_a_signal(
    number: signal.Signals, code: int, lingering: Lingering
) -> None:
    os.kill(lingering.process.pid, number)
    assert lingering.process.wait(timeout=30) == code
    assert lingering.all_is_gone()


def test_nothing_stays_after_impatient_signals(lingering: Lingering) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(lingering.process.pid, number)
        time.sleep(0.05)
    assert lingering.process.wait(timeout=30) != 0
    assert lingering.all_is_gone()


def test_what_a_killed_run_left_is_removed_by_the_next(lingering: Lingering) -> None:
    lingering.process.kill()
    lingering.process.wait()
    with Link():
        wait_until(lingering.all_is_gone)
    assert lingering.all_is_gone()


def test_a_living_run_is_left_alone(lingering: Lingering) -> None:
    before = namespaces_of(lingering.process.pid)
    remove_leftovers()
    with Link():
        pass
    assert namespaces_of(lingering.process.pid) == before
    assert not any(is_gone(process) for process in lingering.processes)


def test_names_say_whose_namespaces_they_are() -> None:
    with Link() as link:
        names = [place.network.name for place in (link.server, link.client) if not place.user]
        assert sorted(line.split()[0] for line in namespaces_of(os.getpid())) == sorted(names)


def test_nothing_stays_after_a_link() -> None:
    with Link() as link:
        children = [
            link.client.popen(["sh", "-c", STUBBORN], stdout=subprocess.PIPE, text=True),
            link.server.popen(["sleep", "300"]),
        ]
        [output, _] = [child.stdout for child in children]
        assert output is not None
        shells = {int(output.readline()) for _ in range(2)}
        processes = children_of(os.getpid()) | shells
        assert {link.emulator.pid, children[1].pid} <= processes
    output.close()
    assert all(map(is_gone, processes - children_of(os.getpid())))
    assert namespaces_of(os.getpid()) == []
    assert [child.returncode for child in children] == [-signal.SIGTERM] * 2
    assert "link0" not in Path("/proc/net/dev").read_text()


def test_a_link_in_a_thread() -> None:
    def use() -> str:
        with Link() as link:
            return link.client.run(["cat", "/proc/net/dev"]).stdout

    with ThreadPoolExecutor(1) as pool:
        assert "link0" in pool.submit(use).result()
    assert namespaces_of(os.getpid()) == []


def test_nothing_stays_of_a_link_that_could_not_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise LinkUnavailable("no compiler today")

    monkeypatch.setattr("benchmarks.link.emulator.emulator", refuse)
    with pytest.raises(LinkUnavailable, match="no compiler today"), Link():
        pass
    assert namespaces_of(os.getpid()) == []


def test_a_link_that_is_never_left_ends_with_the_process() -> None:
    program = (
        "from benchmarks.link import Link; link = Link(); print(repr(link.__enter__().client))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("<client /")
    assert not Path(done.stdout.split()[1].rstrip(">")).exists()


def run(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_finds_the_addresses_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    figures = tmp_path / "link.json"
    code, output, error = run(
        *("--rate", "20mbit", "--delay", "1ms", "--queue", "2bdp", "--json", str(figures)),
        *("--server", f"echo served on $SMBQUIC_LINK_SERVER; {LISTEN}", "--loss", "0"),
        *("--", "sh", "-c", "echo $SMBQUIC_LINK_SERVER $SMBQUIC_LINK_CLIENT_IPV6; exit 7"),
    )
    assert code == 7
    assert sorted(output.splitlines()) == ["198.18.0.1 2001:2::11", "served on 198.18.0.1"]
    assert "emulator: " in error
    document = json.loads(figures.read_text())
    assert document["settings"]["queue"] == 10_000
    assert document["up"]["quic"]["offered"] == {"packets": 0, "bytes": 0}
    assert document["problems"] == []


@pytest.mark.debian("ping")
def test_what_passed_is_shown() -> None:
    code, output, error = run("--", "sh", "-c", PINGS)
    assert code == 0
    assert output.count("1 received") == 3
    assert ["up", "other", "3", "252", "3", "252", "0", "0", "0", "0"] in [
        line.split() for line in error.splitlines()
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no COMMAND to run"),
        (["--rate", "fast", "--", "true"], "'fast' is no rate"),
        (["--loss", "1%", "--burst", "0", "--", "true"], "a burst of 0.0 packets"),
        (["calibrate", "--rate", "1mbit"], "--rate and --delay go together"),
        (["calibrate", "--rate", "unlimited", "--delay", "0"], "without a rate"),
        (["calibrate", "--seconds", "1"], "at least 2"),
    ],
)
def test_misuse(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_server_that_ends_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--server", "exit 3", "--", "true"]) == 125
    assert "link: ['nsenter'" in (error := capfd.readouterr().err)
    assert "ended with exit code 3" in error


@pytest.mark.debian("iperf3", "ping")
def test_ping_and_iperf3_measure_what_was_set(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    figures = tmp_path / "calibration.json"
    options = ["--rate", "20mbit", "--delay", "5ms", "--loss", "2%", "--seconds", "2"]
    seen = []
    # Packets of other programs' making: a busy machine delays them, and loses some.
    for _ in range(5):
        code = main(["calibrate", *options, "--json", str(figures)])
        header, line = capsys.readouterr().out.splitlines()
        [found] = json.loads(figures.read_text())
        assert header.split()[0] == "RTT"
        assert line.split()[0] == "10ms"
        assert (found["rate"], found["round_trip"]) == (20_000_000, 10_000_000)
        assert code == (1 if found["wrong"] else 0)
        # However slow the machine is, nothing comes early.
        assert found["round_trip_measured"] >= found["round_trip"]
        low, high = found["loss_interval"]
        seen.append(line)
        if (
            # What waited for iperf3 when it began to count is counted too.
            found["tcp_rate"] < 1.1 * found["rate"]
            and found["udp_rate"] < 1.04 * found["rate"]
            and low <= found["lost"] <= high
        ):
            return
    pytest.fail("\n".join(seen))


def without_network_namespaces(places: Path) -> str:
    """A PATH on which nobody may make a namespace."""
    for name in ("ip", "unshare"):
        (places / name).write_text(
            f"#!/bin/sh\necho '{name}: Operation not permitted' >&2\nexit 1\n"
        )
        (places / name).chmod(0o755)
    return f"{places}:{os.environ['PATH']}"


def test_where_no_namespace_may_be_made_it_says_so(tmp_path: Path) -> None:
    path = without_network_namespaces(tmp_path)
    code, output, error = run("--", "true", environment={"PATH": path})
    assert (code, output) == (125, "")
    assert error.startswith("link: no network namespaces here: ")
    assert error.count("Operation not permitted") == 2 if os.geteuid() == 0 else 1


@pytest.mark.parametrize("program", ["ip", "nsenter", "unshare"])
def test_a_missing_program_is_named(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {"ip", "nsenter", "unshare"} - {program}:
        (tmp_path / name).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LinkUnavailable, match=f"{program} is not installed"), Link():
        pass


@pytest.fixture
def ordinary_user() -> Iterator[Callable[..., "subprocess.CompletedProcess[str]"]]:
    """Runs the command as a user without rights, who may or may not open /dev/net/tun."""
    if os.geteuid() != 0:
        pytest.skip("only root can become an ordinary user")
    python = shutil.which(Path(sys.executable).name, path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("no Python that everybody may run")
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    trial = subprocess.run([*drop, "unshare", "-Urn", "true"], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"users may not make namespaces here: {trial.stderr.strip()}")
    # Not below pytest's folders, which are for root only.
    with tempfile.TemporaryDirectory(prefix="smbquic-link-") as place:
        package, cache, device = (Path(place) / name for name in ("code", "cache", "tun"))
        shutil.copytree(
            Path(benchmarks.link.__file__).parent,
            package / "benchmarks/link",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (package / "benchmarks/__init__.py").touch()
        cache.mkdir()
        os.chown(cache, NOBODY, NOBODY)
        os.mknod(device, 0o666 | 0o020000, os.makedev(10, 200))
        for path in (Path(place), package, device):
            path.chmod(0o777 if path == device else 0o755)

        def start(*arguments: str, tun: bool = True) -> "subprocess.CompletedProcess[str]":
            mount = f"mount --bind {device} /dev/net/tun;" if tun else "chmod 600 /dev/net/tun;"
            inner = shlex.join([*drop, python, "-m", "benchmarks.link", *arguments])
            return subprocess.run(
                ["unshare", "--mount", "sh", "-e", "-c", f"{mount} exec {inner}"],
                cwd=package,
                env={
                    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                    "XDG_CACHE_HOME": str(cache),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                capture_output=True,
                text=True,
            )

        yield start


@pytest.mark.debian("ping", "gcc")
def test_it_works_without_root(
    ordinary_user: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    done = ordinary_user(
        *("--delay", "3ms", "--rate", "10mbit", "--server", LISTEN),
        *("--", "sh", "-c", f"{PINGS}; sleep 300 & id -u; exit 4"),
    )
    assert done.returncode == 4, done.stderr
    assert done.stdout.count("1 received") == 3
    assert done.stdout.splitlines()[-1] == "0"
    assert "up   other        3" in done.stderr


@pytest.mark.debian("gcc")
def test_without_root_and_without_tun_it_says_so(
    ordinary_user: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    if Path("/dev/net/tun").stat().st_mode & 0o006:
        pytest.skip("everybody may open /dev/net/tun here")
    done = ordinary_user("--", "true", tun=False)
    assert done.returncode == 125
    assert "link: no TUN devices here: /dev/net/tun: Permission denied" in done.stderr
