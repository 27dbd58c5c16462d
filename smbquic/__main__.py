"""`python -m smbquic`."""

from smbquic.cli.main import run

run()
