"""How far a transfer is, in lines and events."""

import json

import pytest
from rich.cells import cell_len

from smbquic.cli.progress import Events, Lines, TransferRate, progress_bar, shortened
from smbquic.client.results import TreeResult
from tests.unit.clock import Clock


def test_rate_and_time_left() -> None:
    clock = Clock(0.0)
    rate = TransferRate(clock)
    assert rate.remaining(0, 100) == ""
    clock.now = 10.0
    assert rate.rate(1000) == 100
    assert rate.remaining(1000, 7000) == "1:00"
    assert rate.remaining(1000, 1000 + 372_300) == "1:02:03"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("report.pdf", 10, "report.pdf"),
        ("annual report.pdf", 11, "annua…t.pdf"),
        ("annual report.pdf", 12, "annual…t.pdf"),
        ("日本語のファイル名", 10, "日本…ル名"),
        ("x" * 100_000, 12, "xxxxxx…xxxxx"),
    ],
)
def test_a_long_title(text: str, width: int, shown: str) -> None:
    assert shortened(text, width) == shown
    assert cell_len(shown) <= width


def test_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock(0.0)
    lines = Lines("a\nb", clock)
    for clock.now in (5.0, 10.0, 15.0, 20.0):
        lines.file(int(clock.now) * 1000, 60_000)
    lines.tree(TreeResult())
    assert capsys.readouterr().err.splitlines() == [
        "smbquic: a\\x0ab: 10.0 kB of 60.0 kB, 1.0 kB/s, 0:50 left",
        "smbquic: a\\x0ab: 20.0 kB of 60.0 kB, 1.0 kB/s, 0:40 left",
    ]
    clock.now = 40.0
    lines.tree(TreeResult(files=3, bytes=0, total_files=5, total_bytes=60_000))
    assert capsys.readouterr().err == ("smbquic: a\\x0ab: 3 of 5 files, 0 B of 60.0 kB, 0 B/s\n")


def test_an_event_every_second(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock(0.0)
    events = Events("reports", clock)
    for clock.now in (0.5, 1.0, 1.5, 2.0):
        events.tree(TreeResult(files=1, bytes=100, total_files=2, total_bytes=200))
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["rate"] for event in shown] == [100, 50]
    assert shown[0] == {
        "event": "progress",
        "what": "reports",
        "bytes": 100,
        "total_bytes": 200,
        "files": 1,
        "total_files": 2,
        "rate": 100,
    }


def test_what_is_shown_where(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("x", show=False) as bar:
        bar.file(1, 2)
        bar.tree(TreeResult())
    with progress_bar("x") as bar:
        assert isinstance(bar, Lines)
    with progress_bar("x", as_json=True) as bar:
        assert isinstance(bar, Events)
    assert capsys.readouterr() == ("", "")
