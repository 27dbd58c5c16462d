"""`python -m smbquic`."""

from smbquic.cli.start import run

run()
