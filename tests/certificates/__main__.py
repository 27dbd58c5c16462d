"""The page about certificates that are refused, made from the table.

python -m tests.certificates > docs/reference/certificates-refused.md
"""

import sys

from tests.certificates.page import page

sys.stdout.write(page())
