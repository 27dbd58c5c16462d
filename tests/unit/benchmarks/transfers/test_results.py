"""The samples of the benchmark of transfers: their file, their table and their marks."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.documents import DocumentError
from benchmarks.transfers.measure import Sample
from benchmarks.transfers.results import Results

SAMPLE = Sample("small", "put", "smbquic-tcp", 2.0, 1.0, 0.5, 0.7, 50 << 20, 5_000_000, 800_000)


def results(*seconds: float) -> Results:
    return Results(1.0, [replace(SAMPLE, seconds=each) for each in seconds])


def test_a_file_of_them(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    before = results(2.0, 3.0)
    before.failures.append("round 0: it failed")
    before.save(file, {"machine": "this one"})
    assert Results.load(file) == before
    file.write_text('{"samples": [{}], "scale": 1, "failures": []}')
    with pytest.raises(DocumentError, match="holds no result"):
        Results.load(file)


def test_the_table_has_a_line_for_each_program() -> None:
    title, header, line = results(2.0, 4.0, 3.0).lines()
    assert title == "1,000 files of 4 KiB: 1,000 x 4,096 bytes, 100 Mbit/s, 50 ms"
    assert "model" in header
    assert line.split() == [
        *("put", "smbquic-tcp", "3.00", "[2.00..4.00]", "1.18", "1.00", "5.00", "0.80"),
        *("0.50", "0.70", "50", "0.00"),
    ]


def test_others_have_no_model_and_fast_networks_no_limit() -> None:
    samples = [replace(SAMPLE, program="rclone"), replace(SAMPLE, work="local", verb="get-file")]
    lines = list(Results(1.0, samples).lines())
    assert lines[2].split()[:5] == ["put", "rclone", "2.00", "[2.00..2.00]", "1.00"]
    assert lines[3].endswith("no limit")


def test_marks() -> None:
    assert list(results(2.4).marks()) == ["met    small put smbquic-tcp: 2.40 s, at most 2.50 s"]
    assert list(results(2.6).marks()) == ["MISSED small put smbquic-tcp: 2.60 s, at most 2.50 s"]
    assert list(Results(0.1, [SAMPLE]).marks()) == []


def test_marks_beside_smbclient() -> None:
    ours = replace(SAMPLE, work="list", verb="list", seconds=2.0)
    theirs = replace(ours, program="smbclient", seconds=1.5)
    assert list(Results(1.0, [ours]).marks()) == []
    assert list(Results(1.0, [ours, theirs]).marks()) == [
        "MISSED list list smbquic-tcp: 2.00 s, at most 1.80 s"
    ]
