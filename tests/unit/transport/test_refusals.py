"""How refusals are counted and reported."""

import pytest

from smbquic.transport.refusals import ListenerRefusal, Refusal, Refusals, log_refusal
from tests.unit.clock import Clock


def test_a_flood_of_refusals_is_reported_now_and_then() -> None:
    reports: list[tuple[Refusal, str, int]] = []
    clock = Clock()
    refusals = Refusals(lambda *report: reports.append(report), clock)
    for number in range(1000):
        refusals.add(ListenerRefusal.UNVALIDATED, str(number))
        clock.now += 0.015
    refusals.add(ListenerRefusal.HALF_OPEN, "somebody")

    assert refusals.counts == {ListenerRefusal.UNVALIDATED: 1000, ListenerRefusal.HALF_OPEN: 1}
    assert [count for _, _, count in reports] == [1, 667, 1]
    assert reports[0] == (ListenerRefusal.UNVALIDATED, "0", 1)


def test_a_refusal_is_a_word_for_programs_and_a_text_for_people() -> None:
    assert str(ListenerRefusal.UNVALIDATED) == "unproven-address"
    assert "validate its address" in ListenerRefusal.UNVALIDATED.text


@pytest.mark.parametrize(
    ("count", "more"),
    [(1, ""), (2, " (and 1 others before it)"), (667, " (and 666 others before it)")],
)
def test_a_line_of_the_log_stands_for_the_refusals_before_it(
    count: int, more: str, caplog: pytest.LogCaptureFixture
) -> None:
    log_refusal(ListenerRefusal.TOO_MUCH, "192.0.2.1:50000", count)

    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"192.0.2.1:50000 was disconnected: it has sent more than a logon takes{more}"
    )


def test_a_refusal_is_reported_again_when_the_interval_is_over() -> None:
    reports: list[int] = []
    clock = Clock()
    refusals = Refusals(lambda reason, client, count: reports.append(count), clock)
    for seconds in (0.0, 9.9, 0.1, 9.9, 0.1):
        clock.advance(seconds)
        refusals.add(ListenerRefusal.TOO_MUCH, "somebody")

    assert reports == [1, 2, 2]


def test_several_are_counted_at_once() -> None:
    reports: list[int] = []
    clock = Clock()
    refusals = Refusals(lambda reason, client, count: reports.append(count), clock)
    refusals.add(ListenerRefusal.TOO_MUCH, "somebody", 3)
    refusals.add(ListenerRefusal.TOO_MUCH, "somebody")
    refusals.add(ListenerRefusal.TOO_MUCH, "somebody", 2)
    clock.advance(10)
    refusals.add(ListenerRefusal.TOO_MUCH, "somebody")

    assert reports == [3, 4]
    assert refusals.counts == {ListenerRefusal.TOO_MUCH: 7}
