import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.link.loss import Loss


def lost_by(model: Loss, packets: int, chance: random.Random) -> int:
    """The model played through."""
    bad, lost = False, 0
    for _ in range(packets):
        if chance.random() < (model.bad_to_good if bad else model.good_to_bad):
            bad = not bad
        lost += chance.random() < (model.bad if bad else model.good)
    return lost


def test_random_loss_is_a_binomial() -> None:
    model = Loss.random(0.1)
    assert model.mean == pytest.approx(0.1)
    assert model.interval(10_000, deviations=2) == pytest.approx((1000 - 60, 1000 + 60))


@given(st.floats(0, 0.9), st.floats(1, 100))
def test_bursts_have_the_mean_that_was_asked_for(share: float, length: float) -> None:
    if share / (1 - share) <= length:
        model = Loss.bursts(share, length)
        assert model.mean == pytest.approx(share)
        assert model.mean_burst == pytest.approx(length)


@pytest.mark.parametrize(
    "model",
    [
        Loss.random(0.02),
        Loss.bursts(0.05, 8),
        Loss(good=0.01, bad=0.4, good_to_bad=0.02, bad_to_good=0.2),
    ],
    ids=str,
)
def test_the_interval_holds_what_the_model_loses(model: Loss) -> None:
    packets, rounds = 3000, 60
    low, high = model.interval(packets, deviations=2)
    inside = sum(
        low <= lost_by(model, packets, random.Random(seed)) <= high for seed in range(rounds)
    )
    # 95 % of them; seeded, so it does not change.
    assert 0.85 * rounds <= inside <= rounds
    narrow = (high - low) / 2
    inside = sum(
        abs(lost_by(model, packets, random.Random(seed)) - packets * model.mean) < narrow / 2
        for seed in range(rounds)
    )
    # 68 % within half of that: it is not too wide either.
    assert 0.5 * rounds <= inside <= 0.85 * rounds


def test_an_interval_stays_within_what_is_possible() -> None:
    assert Loss.random(0.0).interval(100) == (0, 0)
    assert Loss.random(1.0).interval(100) == (100, 100)
    assert Loss.random(0.001).interval(10)[0] == 0
    assert Loss(good_to_bad=0.5, bad_to_good=0.5).interval(1)[1] == 1


def test_states_that_are_never_left() -> None:
    forever = Loss(good_to_bad=0, bad_to_good=0)
    assert (forever.in_bad, forever.mean, forever.mean_burst) == (0, 0, math.inf)
    assert forever.interval(10) == (0, 0)


@pytest.mark.parametrize(("share", "length"), [(1.0, 2), (0.5, 0.5), (-0.1, 2), (0.9, 1)])
def test_impossible_bursts_are_refused(share: float, length: float) -> None:
    with pytest.raises(ValueError, match=r"burst|probability"):
        Loss.bursts(share, length)


def test_chances_are_probabilities() -> None:
    with pytest.raises(ValueError, match=r"1\.5 is no probability"):
        Loss(bad=1.5)
