from tests.docs import messages_page
from tests.docs.pages import read

PAGE = "docs/reference/messages.md"


def test_the_page_is_that_of_the_code() -> None:
    assert read(PAGE) == messages_page.page(), f"run: python -m tests.docs.messages_page > {PAGE}"
