"""How refusals are counted and reported."""

from smbquic.transport.refusals import ListenerRefusal, Refusal, Refusals
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
