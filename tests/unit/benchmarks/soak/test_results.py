"""The results of a soak: their file, their tables, their marks."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from benchmarks.documents import DocumentError
from benchmarks.soak.report import DifferenceError, Report
from benchmarks.soak.results import MOST_PROBLEMS, NOT_KEPT, Results
from tests.unit.benchmarks.soak.build import PLAN, report, results, sample


def missed(found: Results) -> list[str]:
    return [mark for met, mark in found.marks() if not met]


def only(marks: Iterable[str]) -> str:
    [mark] = marks
    return mark


def test_a_soak_that_shows_nothing() -> None:
    assert missed(results()) == []


def test_what_is_not_given_back() -> None:
    found = results()
    found.given_back["locks"], found.left["locks"] = None, 3
    assert only(missed(found)) == "locks given back after the last client: 3 are left"


def test_what_was_never_looked_at_is_not_given_back() -> None:
    found = results()
    found.given_back, found.left = {}, {}
    assert len(missed(found)) == 8
    assert "sessions given back after the last client: ? are left" in missed(found)


def test_descriptors_that_stay() -> None:
    found = results()
    found.descriptors_after = 21
    assert only(missed(found)) == "descriptors of the server: 20 before, 21 after"


def test_memory_that_grows() -> None:
    assert missed(results(growth=4.0)) == []
    assert only(missed(results(growth=10.0))).startswith(
        "memory in the second half: +10.00 MiB per hour of 110.0 MiB"
    )


def test_only_the_second_half_counts_for_memory() -> None:
    found = results()
    for each in found.samples[:20]:
        each.rss //= 2
    assert missed(found) == []


def test_operations_that_become_slower() -> None:
    assert missed(results(slower=1.2)) == []
    marks = missed(results(slower=1.4))
    assert len(marks) == 3
    assert marks[0].endswith("14.0 ms, at most 1.25 times")
    assert marks[0].startswith("quic-qh3 p50 of the first and the last quarter: ")
    assert len(missed(results(slower=2.0))) == 6


def test_operations_that_cost_more() -> None:
    found = results()
    for each in found.samples[50:]:
        each.server *= 2
    assert found.cost(0) == pytest.approx(0.25 / 30)
    assert only(missed(found)) == (
        "processor time of the server for an operation in the first and the last quarter:"
        " 8.33 and 14.44 ms, at most 1.15 times"
    )
    assert Results(PLAN).cost(0) == 0.0


def test_trends_of_minutes_are_not_held_against_marks() -> None:
    found = results(minutes=5, growth=500.0, slower=5.0)
    assert missed(found) == []
    assert not any("memory" in mark for _, mark in found.marks())


def test_failures_with_their_causes() -> None:
    found = results()
    for seconds, path in ((20.0, "file-1"), (30.0, "file-2")):
        failed = Report()
        failed.failed("read", DifferenceError(f"{path} differs"))
        found.add(sample(seconds), {"tcp": failed})
    assert "failed actions: 2" in missed(found)
    assert "failed: 2 x tcp read, first at 20 s: DifferenceError: file-# differs" in found.lines()


def test_failures_of_the_server() -> None:
    found = results()
    found.server_failures = 1
    found.requests = {NOT_KEPT: 2, "READ STATUS_SUCCESS": 7}
    found.note_problems(["a task failed", "a task failed"])
    assert missed(found) == [
        "durable opens that clients have not got back: 2",
        "failures in the server: 1",
        "warnings and errors in the server's log: 1",
    ]
    lines = list(found.lines())
    assert "log: a task failed" in lines
    assert f"answers of the server other than success: 2 x {NOT_KEPT}" in lines


def test_problems_are_of_bounded_number() -> None:
    found = Results(PLAN)
    found.note_problems([str(number) for number in range(2 * MOST_PROBLEMS)])
    assert len(found.problems) == MOST_PROBLEMS


def test_the_tables() -> None:
    found = results()
    found.killed = {"tcp": 3}
    found.refused["write page"] = 4
    found.cut_off = 2
    lines = list(found.lines())
    assert "killed clients that were disconnected as they took no responses: 2" in lines
    assert lines[0] == (
        "60.0 minutes, 18,000 operations, 5 per second; killed processes: 3 over tcp"
    )
    assert "refused because of another client's lock: 4 x write page" in lines
    [line] = (line for line in lines if line.startswith("tcp           read "))
    count, p50 = line.split()[2:4], line.split()[4:6]
    assert count == ["1500", "1500"]
    assert [float(each) for each in p50] == pytest.approx([10, 10], rel=0.03)


def test_what_waits_for_others_is_not_a_small_operation() -> None:
    found = Results(PLAN)
    found.add(sample(1.0), {"tcp": report(30.0, "take over"), "smbclient": report(0.3, "run")})
    found.summarize()
    assert [(one.transport, one.operation) for one in found.quarters] == [
        ("smbclient", "run"),
        ("tcp", "take over"),
    ]


def test_nothing_was_done() -> None:
    found = Results(PLAN)
    found.summarize()
    assert next(iter(found.lines())) == (
        "0.0 minutes, 0 operations, 0 per second; killed processes: none"
    )


def test_a_file_of_them(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    before = results()
    before.refused["write page"] = 4
    before.interrupted = True
    before.save(file, {"machine": "this one"})
    after = Results.load(file)
    assert list(after.lines()) == list(before.lines())
    assert (after.plan, after.samples) == (before.plan, before.samples)


def test_numbers_in_the_file_are_short(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    found = Results(PLAN)
    found.add(sample(1234.567891, load=0.123456789), {})
    found.save(file, {})
    [after] = Results.load(file).samples
    assert (after.seconds, after.load) == (1234.6, 0.12346)


@pytest.mark.parametrize("text", ["{}", '{"plan": {"a": 1}}'])
def test_what_is_no_result(text: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    file.write_text(text)
    with pytest.raises(DocumentError, match="holds no result"):
        Results.load(file)
