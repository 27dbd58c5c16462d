"""Diagrams of Mermaid become SVG, and what is not understood is an error."""

from xml.etree import ElementTree

import pytest

from tests.docs.drawings import DrawingError, draw, fence

SEQUENCE = """
sequenceDiagram
    participant C as client
    participant S as server
    C->>S: <CREATE>
    Note over C,S: the file is open
    S-->>C: STATUS_SUCCESS
"""


def texts(drawing: str) -> list[str]:
    root = ElementTree.fromstring(drawing)
    return [each.text or "" for each in root.iter() if each.tag.endswith("}text")]


def test_a_message_flow_has_its_participants_and_messages() -> None:
    found = texts(draw(SEQUENCE))
    assert found == ["client", "server", "<CREATE>", "the file is open", "STATUS_SUCCESS"]


def test_a_drawing_has_a_size_of_its_own() -> None:
    """A browser shows nothing of one that has none."""
    root = ElementTree.fromstring(draw(SEQUENCE))
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


def test_an_answer_is_dashed_and_points_back() -> None:
    request, answer = draw(SEQUENCE).split("the file is open")
    assert "stroke-dasharray" not in request
    assert "stroke-dasharray" in answer
    assert "l-8,-4" in request
    assert "l8,-4" in answer


@pytest.mark.debian("dot")
def test_states_are_laid_out() -> None:
    drawing = draw("stateDiagram-v2\n[*] --> OPEN\nOPEN --> CLOSED: it ends\nCLOSED --> [*]")
    assert {"OPEN", "CLOSED", "it ends"} <= set(texts(drawing))
    assert "black" not in drawing


@pytest.mark.parametrize(
    "source", ["pie", "sequenceDiagram\nC -> S", "stateDiagram-v2\nnote left of A"]
)
def test_what_is_not_understood_is_an_error(source: str) -> None:
    with pytest.raises(DrawingError):
        draw(source)


def test_a_fence_is_a_figure() -> None:
    assert fence(SEQUENCE, "mermaid", "drawing").startswith('<figure class="drawing"><svg')
