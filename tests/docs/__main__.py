"""Print the page about the Python API: `python -m tests.docs > docs/reference/api.md`."""

import sys

from tests.docs.api_page import page

if __name__ == "__main__":
    sys.stdout.write(page())
