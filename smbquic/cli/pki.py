"""`smbquic pki`: make certificates for tests and small networks, and check any certificate."""

import os
import sys
from pathlib import Path
from typing import IO, Any

import click

from smbquic.cli import failure
from smbquic.cli.command import command_group, json_option, option
from smbquic.cli.failure import ExitCode
from smbquic.cli.options import Given, takes
from smbquic.cli.output import emit, printable, warn
from smbquic.errors import PkiError
from smbquic.pki import issuing
from smbquic.pki.authority import KeyType
from smbquic.pki.checks import CertificateError
from smbquic.pki.container import ders, is_pem, read_certificates, read_credential
from smbquic.pki.directory import LEAF_DAYS, CertificateFiles, PkiDirectory, init
from smbquic.pki.explain import VerificationResult, VerificationStatus, describe, explain, usable
from smbquic.pki.files import RevokedError
from smbquic.pki.subject import Purpose
from smbquic.pki.verification import Trust, verify

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_PURPOSES = click.Choice([purpose.value for purpose in Purpose])
_MARKS = {
    VerificationStatus.OK: "ok     ",
    VerificationStatus.WARNING: "warning",
    VerificationStatus.PROBLEM: "PROBLEM",
}

_password_option = option(
    "--password-file",
    type=click.File(),
    metavar="FILE",
    help="Read the password of an encrypted key or PKCS #12 file from the first line of a file, or"
    " - for standard input. Otherwise it comes from SMBQUIC_KEY_PASSWORD.",
)
_key_type_option = option(
    "--key-type",
    type=click.Choice([kind.value for kind in KeyType]),
    default=KeyType.EC_P256.value,
    show_default=True,
    help="The kind of key.",
)
_days_option = option(
    "--days",
    type=click.IntRange(1),
    default=LEAF_DAYS,
    show_default=True,
    metavar="DAYS",
    help="How many days it is valid.",
)
_directory_argument = click.argument(
    "directory", type=click.Path(path_type=Path, file_okay=False, exists=True)
)


@command_group("pki")
def group() -> None:
    """Make certificates for SMB over QUIC."""


@group.command("init")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name or address of the server; repeatable.",
)
@_key_type_option
@option("--encrypt-ca", is_flag=True, help="Encrypt the authorities' keys with a password.")
@_password_option
@json_option
def init_command(
    directory: Path,
    names: tuple[str, ...],
    key_type: str,
    password_file: IO[str] | None,
    *,
    encrypt_ca: bool,
    as_json: bool,
) -> None:
    """Make a CA and two certificates.

    It writes a root, an intermediate, a certificate for a server, one for a client, their keys and
    a revocation list into DIRECTORY.

    \b
    smbquic pki init ./pki --name fs.example
    smbquic serve . --guest --cert pki/server.pem --key pki/server.key
    """
    password = _need_password(password_file, confirm=True) if encrypt_ca else None
    try:
        made = init(directory, names=names, key_type=KeyType(key_type), password=password)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        emit({"directory": str(directory), "files": [str(path) for path in made.files]})
        return
    click.echo(f"made a PKI in {directory}")
    click.echo(f"  the server takes   --cert {made.server.certificate} --key {made.server.key}")
    click.echo(f"  the client trusts  --ca {made.ca}")
    click.echo(f"keep {made.ca_key} and {made.intermediate_key} secret: they issue certificates")


@group.command("issue")
@_directory_argument
@click.argument("stem", metavar="NAME")
@option("--for", "purpose", type=_PURPOSES, required=True, help="Which end it is for.")
@takes(issuing.IssueOptions)
@_password_option
@json_option
def issue_command(
    directory: Path,
    stem: str,
    purpose: str,
    password_file: IO[str] | None,
    *,
    given: Given,
    as_json: bool,
) -> None:
    """Issue a certificate.

    The CA in DIRECTORY issues it. It is written to NAME.pem and NAME.key in DIRECTORY.

    \b
    smbquic pki issue ./pki fs2.example --for server
    smbquic pki issue ./pki alice --for client --name alice@corp.example
    """
    pki = PkiDirectory(directory)
    password = _issuer_password(pki, password_file)
    try:
        options = given[issuing.IssueOptions]
        made = issuing.issue(pki, stem, Purpose(purpose), password=password, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    _report("issued", [made], as_json=as_json)


@group.command("renew")
@_directory_argument
@click.argument("stems", metavar="[NAME]...", nargs=-1)
@option(
    "--within",
    type=click.IntRange(0),
    default=issuing.RENEW_WITHIN_DAYS,
    show_default=True,
    metavar="DAYS",
    help="Without a NAME: renew certificates that expire within that time.",
)
@_days_option
@option("--new-key", is_flag=True, help="Make a new key, too.")
@option("--force", is_flag=True, help="Renew revoked certificates, too.")
@_password_option
@json_option
def renew_command(
    directory: Path,
    stems: tuple[str, ...],
    within: int,
    days: int,
    password_file: IO[str] | None,
    *,
    new_key: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Renew certificates, in the same files.

    It renews the certificates of DIRECTORY that are named, or else those that expire soon. A
    running server reads the new files by itself. A revoked certificate is renewed only with
    --force: with a NAME it is an error, else it is reported and the others are renewed. The exit
    code is 1 if only some could be renewed.

    \b
    smbquic pki renew ./pki server
    smbquic pki renew ./pki --within 60
    """
    pki = PkiDirectory(directory)
    try:
        for stem in stems:
            issuing.files_of(pki, stem)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if not pki.intermediate.exists():
        raise click.UsageError(f"{directory} is not a PKI; smbquic pki init makes one")
    chosen = stems or issuing.due(pki, within=within)
    password = _issuer_password(pki, password_file) if chosen else None
    renewed: list[CertificateFiles] = []
    revoked: list[str] = []
    failures: list[tuple[str, Exception]] = []
    for stem in chosen:
        try:
            renewed.append(
                issuing.renew(pki, stem, days=days, new_key=new_key, force=force, password=password)
            )
        except RevokedError as error:
            revoked.append(str(issuing.files_of(pki, stem).certificate))
            if stems:
                failures.append((stem, error))
        except (PkiError, OSError) as error:
            failures.append((stem, error))
    if len(chosen) == 1 and failures:
        raise failures[0][1]
    _report_renewed(renewed, revoked, failures, named=bool(stems), as_json=as_json)


def _report_renewed(
    renewed: list[CertificateFiles],
    revoked: list[str],
    failures: list[tuple[str, Exception]],
    *,
    named: bool,
    as_json: bool,
) -> None:
    """Print what was done with each certificate. Raises `PartialFailure` if one was not renewed."""
    if as_json:
        emit(
            {
                "renewed": _documents(renewed),
                "revoked": revoked,
                "failures": [
                    {"name": stem, "error": failure.describe(error)} for stem, error in failures
                ],
            }
        )
    else:
        if renewed or not (revoked or failures):
            _report("renewed", renewed, as_json=False)
        for path in [] if named else revoked:
            click.echo(f"{path} is revoked, and is not renewed without --force")
    for _, error in failures:
        warn(failure.describe(error))
    if failures:
        raise failure.PartialFailure(f"{len(failures)} not renewed, {len(renewed)} renewed")


@group.command("revoke")
@_directory_argument
@click.argument("certificate", type=_FILE)
@_password_option
@json_option
def revoke_command(
    directory: Path, certificate: Path, password_file: IO[str] | None, *, as_json: bool
) -> None:
    """Revoke a certificate.

    It adds CERTIFICATE to crl.pem, the revocation list of the PKI in DIRECTORY. Revoking the
    intermediate needs the root's key (ca.key), and revokes all certificates that it issued.

    \b
    smbquic pki revoke ./pki pki/alice.pem
    smbquic pki revoke ./pki pki/intermediate.pem
    """
    pki = PkiDirectory(directory)
    password = _issuer_password(pki, password_file)
    leaf = read_certificates(certificate)[0]
    new = issuing.revoke(pki, leaf, password=password)
    if as_json:
        emit({"serial": f"{leaf.serial_number:x}", "crl": str(pki.crl), "new": new})
    elif new:
        click.echo(f"revoked serial number {leaf.serial_number:x}; the list is {pki.crl}")
    else:
        click.echo(f"serial number {leaf.serial_number:x} was revoked before")


@group.command("replace-intermediate")
@_directory_argument
@_password_option
@json_option
def replace_intermediate_command(
    directory: Path, password_file: IO[str] | None, *, as_json: bool
) -> None:
    """Make a new intermediate, and revoke the old one.

    Use it when the key of the intermediate in DIRECTORY is lost, or the intermediate expires soon.
    It needs the root's key (ca.key). The certificates that are in DIRECTORY with their keys, and
    are not revoked, are renewed with the same keys; a running server reads them by itself. All
    others that the old intermediate issued are revoked. Copy the new certificates and crl.pem to
    the machines that use them.

    \b
    smbquic pki replace-intermediate ./pki
    """
    pki = PkiDirectory(directory)
    password = _issuer_password(pki, password_file)
    _report("issued", issuing.replace_intermediate(pki, password=password), as_json=as_json)


@group.command("inspect")
@click.argument("certificate", type=_FILE)
@option("--for", "purpose", type=_PURPOSES, help="Check it for one end only.")
@option("--name", metavar="NAME", help="The name that a server is reached by.")
@_password_option
@json_option
def inspect_command(
    certificate: Path,
    purpose: str | None,
    name: str | None,
    password_file: IO[str] | None,
    *,
    as_json: bool,
) -> None:
    """Show a certificate, and what it can be used for.

    CERTIFICATE is PEM, DER or PKCS #12.

    \b
    smbquic pki inspect server.pem --name fs.example
    smbquic pki inspect alice.pfx --for client --password-file secret
    """
    chain = read_certificates(certificate, _given_password(password_file))
    purposes = [Purpose(purpose)] if purpose else list(Purpose)
    results = {each: explain(chain, each, name=name) for each in purposes}
    if as_json:
        emit(
            {
                "certificates": [describe(each) for each in chain],
                "use": {end: _use_document(found) for end, found in results.items()},
            }
        )
        return
    for number, each in enumerate(chain):
        _print_description(number, describe(each))
    for end, found in results.items():
        answer = "yes" if usable(found) else "no"
        click.echo(f"as the certificate of a {end}: {answer}")
        _print_results(found)


@group.command("verify")
@click.argument("certificate", type=_FILE)
@option("--ca", type=_FILE, help="The trusted roots, PEM; by default the system's.")
@option("--crl", type=_FILE, help="Revocation lists, PEM.")
@option(
    "--for",
    "purpose",
    type=_PURPOSES,
    default="server",
    show_default=True,
    help="The end that it is for.",
)
@option("--name", metavar="NAME", help="The name that a server is reached by.")
@_password_option
@json_option
def verify_command(
    certificate: Path,
    ca: Path | None,
    crl: Path | None,
    purpose: str,
    name: str | None,
    password_file: IO[str] | None,
    *,
    as_json: bool,
) -> None:
    """Verify a certificate as the peer would.

    The exit code is 0 if it is accepted, else 4.

    \b
    smbquic pki verify pki/server.pem --ca pki/ca.pem --name fs.example
    smbquic pki verify pki/client.pem --ca pki/ca.pem --for client
    """
    chain = read_certificates(certificate, _given_password(password_file))
    end = Purpose(purpose)
    trust = Trust.load(ca, crl) if ca else Trust.of_system(crl)
    results = explain(chain, end, name=name)
    refusal = None
    try:
        verify(ders(chain), end, trust, name=name)
    except CertificateError as error:
        refusal = error
    if as_json:
        emit(
            {
                "accepted": refusal is None,
                "reason": refusal.reason if refusal else None,
                "message": str(refusal) if refusal else None,
                **_use_document(results),
            }
        )
    elif refusal is None:
        click.echo(f"accepted: the chain is valid for a {end}")
        _print_results([each for each in results if each.status is not VerificationStatus.OK])
    else:
        click.echo(f"refused ({refusal.reason}): {printable(str(refusal))}")
        _print_results(results)
    if refusal is not None:
        raise click.exceptions.Exit(ExitCode.TRANSPORT)


@group.command("convert")
@click.argument("source", type=_FILE)
@click.argument("certificate", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("key", type=click.Path(path_type=Path, dir_okay=False))
@_password_option
def convert_command(
    source: Path, certificate: Path, key: Path, password_file: IO[str] | None
) -> None:
    """Convert a PKCS #12 file (.p12, .pfx) to PEM files.

    It writes the certificate of SOURCE to CERTIFICATE, and its key to KEY.

    \b
    smbquic pki convert fs.pfx fs.pem fs.key --password-file secret
    """
    if is_pem(source):
        raise click.UsageError(f"{source} is PEM already: there is nothing to convert")
    credential = read_credential(source, password=_given_password(password_file))
    CertificateFiles(certificate, key).write(credential)
    click.echo(f"made {certificate} and {key}")


def _given_password(password_file: IO[str] | None) -> str | None:
    """Return the password for keys from the file or the environment, or None."""
    if password_file is not None:
        return password_file.readline().rstrip("\r\n")
    return os.environ.get("SMBQUIC_KEY_PASSWORD")


def _need_password(password_file: IO[str] | None, *, confirm: bool = False) -> str:
    password = _given_password(password_file)
    if password is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "no password for the key: use --password-file FILE, or SMBQUIC_KEY_PASSWORD"
            )
        password = str(
            click.prompt(
                "Password of the authorities' keys",
                hide_input=True,
                confirmation_prompt=confirm,
                err=True,
            )
        )
    if not password:
        raise click.UsageError("the password is empty")
    return password


def _issuer_password(pki: PkiDirectory, password_file: IO[str] | None) -> str | None:
    return _need_password(password_file) if pki.is_encrypted() else None


def _documents(made: list[CertificateFiles]) -> list[dict[str, str]]:
    return [{"certificate": str(each.certificate), "key": str(each.key)} for each in made]


def _report(what: str, made: list[CertificateFiles], *, as_json: bool) -> None:
    if as_json:
        emit({what: _documents(made)})
        return
    for files in made:
        click.echo(f"{what} {files.certificate}, with the key {files.key}")
    if not made:
        click.echo("nothing is due")


def _use_document(results: list[VerificationResult]) -> dict[str, Any]:
    return {
        "usable": usable(results),
        "checks": [
            {"check": each.check, "status": each.status, "text": each.text} for each in results
        ],
    }


def _print_description(number: int, what: dict[str, Any]) -> None:
    click.echo(f"certificate {number + 1}: {printable(what['subject'])}")
    for label, value in (
        ("issued by", what["issuer"]),
        ("serial number", what["serial"]),
        ("SHA-256", what["sha256"]),
        ("valid", f"{what['not_before']} to {what['not_after']}"),
        ("key", f"{what['key']}, signed with {what['signature']}"),
        ("names", ", ".join(what["names"])),
        ("usages", ", ".join(what["usages"]) + (" (an authority)" if what["authority"] else "")),
    ):
        if value.strip():
            click.echo(f"  {label + ':':<15}{printable(value.strip())}")


def _print_results(results: list[VerificationResult]) -> None:
    for each in results:
        click.echo(f"  {_MARKS[each.status]}  {each.check}: {printable(each.text)}")
