"""What clients report: times, failures by their cause, refusals."""

import json

from benchmarks.soak.report import CAUSES, Report, cause


def test_causes_are_the_same_for_all_of_a_kind() -> None:
    first, second = (
        OSError("client-1/file-22:\n no such file"),
        OSError("client-7/file-3: no such file"),
    )
    assert cause(first) == cause(second) == "OSError: client-#/file-#: no such file"


def test_a_cause_is_of_bounded_length() -> None:
    assert len(cause(ValueError("x" * 10_000))) < 300


def test_causes_are_of_bounded_number() -> None:
    report = Report()
    for number in range(2 * CAUSES):
        report.failed("read", ValueError("x" * (number + 1)))
    assert len(report.failures) == CAUSES + 1
    assert report.failures["read", "other causes"] == CAUSES
    assert report.failures.total() == 2 * CAUSES


def report() -> Report:
    found = Report()
    found.took("read", 0.5)
    found.took("create", 0.25)
    found.failed("read", ValueError("7"))
    found.refused["write page"] += 2
    return found


def test_two_are_added() -> None:
    both = report()
    both.update(report())
    assert both.operations == 4
    assert both.failures == {("read", "ValueError: #"): 2}
    assert both.refused == {"write page": 4}


def test_operations_together() -> None:
    times = report().of_operations(("create", "read", "never done"))
    assert (times.count, times.longest) == (2, 0.5)


def test_a_document_of_it() -> None:
    after = Report.of(json.loads(json.dumps(report().document())))
    assert after.document() == report().document()
    assert after.failures == {("read", "ValueError: #"): 1}
