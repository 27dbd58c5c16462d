"""Output of `smbquic demo` on a terminal of 80 columns."""

import pytest

from smbquic.cli import demo


def test_the_table_fits_and_every_column_has_a_header(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    demo._show(
        [
            demo.DemoStep("quic", "put large file", 12_345, 10**10, 1234.5, 168.1, equal=True),
            demo.DemoStep("tcp", "get tree", 1_000, 10**8, 7.5, 1.1, equal=False),
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    (header,) = (line for line in lines if "transport" in line and "seconds" in line)
    assert all(column.strip() for column in header.strip("┃").split("┃"))
    rows = [line for line in lines if line.startswith("│")]
    assert [row.split("│")[2].strip() for row in rows] == ["put large file", "get tree"]
    assert lines[-1] == "connecting took 168.1 ms over QUIC and 1.1 ms over TCP"


def test_what_comes_next_fits() -> None:
    assert max(map(len, demo._NEXT.splitlines())) <= 80
