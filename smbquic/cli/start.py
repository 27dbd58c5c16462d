"""Starts the program, whose modules are imported without garbage collection."""

from smbquic.cli.collection import collect_seldom, no_collection


def run() -> None:
    """Run the program, as its console script, and exit."""
    with no_collection():
        from smbquic.cli import main
    collect_seldom()
    main.run()
