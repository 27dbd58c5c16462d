from benchmarks.comparison.plan import DISCARDED, REPEATS, Visit, remaining, seed_of, visits

ARMS = ["a", "b", "c", "d", "e"]
ONE, BOTH = {"one": ARMS}, {"one": ARMS, "two": ARMS}


def test_every_arm_has_one_turn_in_each_block() -> None:
    planned = visits(BOTH, 3, seed=1)
    assert len(planned) == len(set(planned)) == 2 * 4 * 5
    for link in BOTH:
        for block in range(4):
            turns = [v.arm for v in planned if (v.link, v.block) == (link, block)]
            assert sorted(turns) == ARMS


def test_blocks_come_one_after_the_other_and_the_discarded_one_first() -> None:
    blocks = [visit.block for visit in visits(ONE, 3, seed=1)]
    assert blocks == sorted(blocks)
    assert blocks[0] == DISCARDED


def test_the_order_is_random_and_the_same_for_the_same_seed() -> None:
    assert visits(BOTH, 3, seed=1) == visits(BOTH, 3, seed=1)
    assert visits(BOTH, 3, seed=1) != visits(BOTH, 3, seed=2)
    orders = {
        tuple(v.arm for v in visits(ONE, 9, seed=1) if v.block == block) for block in range(10)
    }
    assert len(orders) > 5


def test_each_visit_has_its_own_seed() -> None:
    planned = visits(BOTH, 3, seed=1)
    assert len({seed_of(visit, 1) for visit in planned}) == len(planned)
    assert seed_of(planned[0], 1) == seed_of(planned[0], 1) != seed_of(planned[0], 2)


def test_what_is_done_is_not_done_again() -> None:
    planned = visits(BOTH, 1, seed=1)
    assert remaining(planned, dict.fromkeys(planned[:7], True)) == planned[7:]


def test_invalid_visits_are_made_again_at_the_end_and_not_for_ever() -> None:
    planned = visits({"one": ["a", "b"]}, 0, seed=1)
    done = {planned[0]: False}
    assert remaining(planned, done) == [planned[1], planned[0].again]
    done = {planned[0]: False, planned[1]: True, planned[0].again: True}
    assert remaining(planned, done) == []
    hopeless = {Visit("one", 0, "a", attempt): False for attempt in range(REPEATS + 1)}
    assert remaining([Visit("one", 0, "a")], hopeless) == []


def test_a_link_may_have_arms_of_its_own() -> None:
    planned = visits({"one": ["a", "b"], "two": ["b"]}, 1, seed=1)
    assert {v.arm for v in planned if v.link == "two"} == {"b"}
    assert len(planned) == 6
