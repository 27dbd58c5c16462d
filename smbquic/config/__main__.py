"""Prints the reference page: ``python -m smbquic.config``."""

import sys

from smbquic.config.reference import reference

sys.stdout.write(reference())
