import pytest

from benchmarks.comparison.links import LAN, LOSSES, RATED, LinkChoice
from benchmarks.comparison.profiles import ALL


def test_a_name_says_it_all() -> None:
    found = LinkChoice.parse("50ms-20mbit-2%-0.5bdp")
    assert (found.round_trip, found.rate, found.queue) == (50_000_000, 20_000_000, "0.5bdp")
    assert found.loss.mean == pytest.approx(0.02)
    assert found.title == "50 ms, 20 Mbit/s, 2.0% loss, queue 0.5bdp"


def test_bursts() -> None:
    found = LinkChoice.parse("50ms-20mbit-burst1%")
    assert found.loss.mean == pytest.approx(0.01)
    assert found.loss.mean_burst == pytest.approx(4)
    assert "bursts" in found.title


def test_no_rate() -> None:
    assert LinkChoice.parse(LAN).rate == 0


@pytest.mark.parametrize("name", ["", "20ms", "20ms-fast", "soon-20mbit", "20ms-20mbit-some"])
def test_what_is_no_link(name: str) -> None:
    with pytest.raises(ValueError, match=r"link|rate|time|share"):
        LinkChoice.parse(name)


def test_the_link_is_as_its_name_says() -> None:
    settings = LinkChoice.parse("50ms-20mbit-2%-0.5bdp").make(seed=3).settings
    assert (settings.round_trip, settings.rate, settings.seed) == (50_000_000, 20_000_000, 3)
    assert settings.queue == 62_500


def test_all_links_of_the_method_and_of_the_profiles_are_links() -> None:
    names = {f"{link}-{loss}" for link in RATED for loss in LOSSES}
    names |= {leg.link for profile in ALL.values() for leg in profile.legs}
    for name in names:
        assert LinkChoice.parse(name).name == name
