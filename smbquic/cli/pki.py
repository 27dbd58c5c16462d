"""`smbquic pki`: certificates for tests and small networks."""

from pathlib import Path

import click

from smbquic.cli.output import emit
from smbquic.pki.authority import KeyType
from smbquic.pki.directory import init


@click.group("pki")
def group() -> None:
    """Make certificates for SMB over QUIC."""


@group.command("init")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", "names", multiple=True, help="A name or address of the server; repeatable.")
@click.option(
    "--key-type",
    type=click.Choice([kind.value for kind in KeyType]),
    default=KeyType.EC_P256.value,
    show_default=True,
    help="The kind of key.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def init_command(directory: Path, names: tuple[str, ...], key_type: str, *, as_json: bool) -> None:
    """Make a root CA, an intermediate, a server and a client certificate in DIRECTORY.

    \b
    smbquic pki init ./pki --name fs.example
    smbquic serve --share data=/srv/data --user alice --cert pki/server.pem --key pki/server.key
    """
    try:
        made = init(directory, names=names, key_type=KeyType(key_type))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        emit({"directory": str(directory), "files": [str(path) for path in made.files]})
        return
    click.echo(f"made a PKI in {directory}")
    click.echo(f"  the server takes   --cert {made.server.certificate} --key {made.server.key}")
    click.echo(f"  the client trusts  --ca {made.ca}")
    click.echo(f"keep {made.ca_key} and {made.intermediate_key} where nobody else can read them")


COMMANDS = (group,)
