"""The page about the configuration file is that of the code."""

from pathlib import Path

from smbquic.config.reference import reference


def test_the_reference_page_is_that_of_the_code() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"
    assert page.read_text("utf-8") == reference(), (
        "run: python -m smbquic.config > docs/reference/configuration.md"
    )
