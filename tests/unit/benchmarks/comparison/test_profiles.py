from benchmarks.arms import AGAIN, ALL, REFERENCE
from benchmarks.comparison import profiles
from benchmarks.comparison.links import LinkChoice
from benchmarks.comparison.works import ALL as WORKS


def test_every_profile_names_what_there_is() -> None:
    for profile in profiles.ALL.values():
        links = [leg.link for leg in profile.legs]
        assert len(set(links)) == len(links)
        for leg in profile.legs:
            assert LinkChoice.parse(leg.link).name == leg.link
            assert set(leg.works) <= set(WORKS)
            assert set(leg.arms) <= set(ALL)


def test_a_headline_has_ten_blocks_the_pair_and_each_congestion_control_under_loss() -> None:
    headline = profiles.HEADLINE
    assert headline.blocks >= 10
    [lossy] = [leg for leg in headline.legs if LinkChoice.parse(leg.link).loss.mean]
    wanted = {REFERENCE, AGAIN, "tcp-bbr", "quic-aioquic", "quic-qh3", "quic-bbr", "wireguard"}
    assert wanted <= set(lossy.arms)
    assert any("against-tcp" in leg.works for leg in headline.legs)
    [clean] = [leg for leg in headline.legs if leg.link == "20ms-100mbit"]
    assert not clean.arms
    # Without a rate every arm shows how much it could carry.
    [ceiling] = [leg for leg in headline.legs if not LinkChoice.parse(leg.link).rate]
    assert not ceiling.arms


def test_quick_touches_every_arm_three_times() -> None:
    assert profiles.QUICK.blocks == 3
    assert not any(leg.arms for leg in profiles.QUICK.legs)
