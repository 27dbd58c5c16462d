"""Reports of copies before anything has happened, and when two trees are equal."""

from dataclasses import asdict

import pytest

from smbquic.client.results import CheckResult, SyncResult, TreeEvent, TreeResult, Usage


@pytest.mark.parametrize("kind", [TreeResult, SyncResult, CheckResult, Usage])
def test_nothing_is_counted_at_first(kind: type) -> None:
    fresh = kind()
    assert not any(asdict(fresh).values())
    assert fresh == kind()


def test_an_event_need_not_say_more_than_what_became_of_which_file() -> None:
    event = TreeEvent("made", "folder")
    assert (event.action, event.path, event.size, event.reason) == ("made", "folder", 0, "")


@pytest.mark.parametrize(
    "differing",
    [
        {"differ": [("a", "size")]},
        {"missing_on_source": ["a"]},
        {"missing_on_target": ["a"]},
        {"failures": [("a", OSError())]},
    ],
)
def test_trees_are_equal_if_nothing_differs_or_fails(differing: dict[str, list[object]]) -> None:
    assert CheckResult(same=3, skipped=[("link", "a link")]).equal is True
    assert CheckResult(same=3, **differing).equal is False  # type: ignore[arg-type]
