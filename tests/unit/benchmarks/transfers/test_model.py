"""The model of bytes and round trips that transfers are compared with."""

from benchmarks.transfers.model import CONNECTING, ENDING, Model, model
from benchmarks.transfers.works import Work

SMALL = Work("small", "", ("put", "get"), 1000)


def test_a_model_is_round_trips_and_the_larger_direction() -> None:
    assert Model(10, 25_000_000, 1).seconds == 0.5 + 2.0
    assert Model(0, 1, 12_500_000).seconds == 1.0


def test_small_files_take_round_trips_for_each_256_of_them() -> None:
    assert model(SMALL, "put").round_trips == CONNECTING + ENDING + 1 + 2 * 4
    assert model(SMALL, "get").round_trips == CONNECTING + ENDING + 2 + 4
    assert model(SMALL, "put").up > 1000 * 4096 > model(SMALL, "put").down
    assert model(SMALL, "get").down > 1000 * 4096 > model(SMALL, "get").up


def test_folders_cost_more() -> None:
    tree = Work("tree", "", ("put", "get", "sync"), 1000, folders=200)
    for verb in ("put", "get"):
        assert model(tree, verb).round_trips > model(SMALL, verb).round_trips
        assert model(tree, verb).up + model(tree, verb).down > (
            model(SMALL, verb).up + model(SMALL, verb).down
        )
    assert model(tree, "sync") == model(tree, "check")
    assert model(tree, "sync").down < 1000 * 4096


def test_large_files_are_bound_by_the_link() -> None:
    size = 1 << 30
    work = Work("large", "", ("put-file", "get-file"), 1, size=size)
    for verb in ("put-file", "get-file"):
        assert 1.0 < model(work, verb).seconds / (size * 8 / 100e6) < 1.05


def test_listings_are_bound_by_their_pages() -> None:
    work = Work("list", "", ("list",), 100_000, size=0)
    assert 10 < model(work, "list").round_trips < 30
    assert model(work, "list").down > 10_000_000
