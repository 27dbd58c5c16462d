"""The diagrams of states are those of the code."""

import pytest

from tests.docs.states import PAGE, TABLES, diagram, renewed


def test_the_diagrams_are_up_to_date() -> None:
    page = PAGE.read_text()
    assert page == renewed(page), "run python -m tests.docs.states"


@pytest.mark.parametrize("title", TABLES)
def test_every_table_has_its_diagram(title: str) -> None:
    assert f"```mermaid\n{diagram(TABLES[title])}```" in PAGE.read_text()
