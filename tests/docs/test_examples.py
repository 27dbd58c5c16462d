"""The files in `examples`: what they say is what this program understands, and what it needs.

`.ci/check_examples` checks them by the schemas of compose and Kubernetes.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from smbquic import config
from smbquic.cli.main import cli
from smbquic.gateway.pool import PoolTable
from smbquic.pki import PkiDirectory, Purpose
from smbquic.pki.issuing import issue
from tests.docs.pages import ROOT

EXAMPLES = ROOT / "examples"
COMPOSE = EXAMPLES / "compose"
KUBERNETES = EXAMPLES / "kubernetes"
CONFIGURATION = "/etc/smbquic"
"""Where the configuration is in a container."""
RUN = "/run/smbquic"
"""Where the status socket is in a container."""
OWN_ADDRESS = "$(POD_IP)"
"""What stands for the address of a pod; Kubernetes puts it there."""
HEALTH_CHECK = 40 << 20
"""Bytes that `smbquic status` takes."""
TIMEOUT = 60


def objects(kind: str) -> list[dict[str, Any]]:
    found = [
        each for path in KUBERNETES.glob("*.yaml") for each in yaml.safe_load_all(path.read_text())
    ]
    return [each for each in found if each["kind"] == kind]


def only(kind: str) -> dict[str, Any]:
    [found] = objects(kind)
    return found


def service() -> dict[str, Any]:
    """The gateway in compose.yaml."""
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    return found["gateway"]  # type: ignore[no-any-return]


def pod() -> dict[str, Any]:
    return only("Deployment")["spec"]["template"]["spec"]  # type: ignore[no-any-return]


def container() -> dict[str, Any]:
    [found] = pod()["containers"]
    return found  # type: ignore[no-any-return]


def configurations() -> dict[str, str]:
    """The configuration files, by the examples that they are of."""
    return {
        "compose": (COMPOSE / "gateway" / "gateway.toml").read_text(),
        "kubernetes": only("ConfigMap")["data"]["gateway.toml"],
    }


def commands() -> dict[str, list[str]]:
    """The command lines of smbquic; the image begins each of the gateway's with its name."""
    kubernetes, compose = container(), service()
    program, *check = compose["healthcheck"]["test"][1:]
    assert program == "smbquic"
    return {
        "compose": compose["command"],
        "kubernetes": kubernetes["args"],
        "compose health check": check,
    }


def in_place(command: list[str], folder: Path, port: int = 8443) -> list[str]:
    """A command line as it is in a container, with another folder, address and port."""
    places = {
        CONFIGURATION: str(folder),
        f"{OWN_ADDRESS}:8443": f"127.0.0.1:{port}",
        f"{OWN_ADDRESS}:9445": "127.0.0.1:0",
    }
    for old, new in places.items():
        command = [each.replace(old, new) for each in command]
    return command


def mounted(folder: Path, text: str, pki: PkiDirectory) -> Path:
    """Mount a configuration and a secret as Kubernetes does; return the configuration file."""
    replace(folder, {"gateway.toml": text.encode(), **pair(pki, "fs.example")})
    for name in ("gateway.toml", "tls.crt", "tls.key"):
        (folder / name).symlink_to(Path("..data", name))
    return folder / "gateway.toml"


def replace(folder: Path, files: dict[str, bytes]) -> None:
    """Replace all files of a mounted volume at once: `..data` is the folder with the new ones."""
    before = folder / "..data"
    new = folder / f"..{len(list(folder.glob('..*')))}"
    new.mkdir()
    for name, content in files.items():
        (new / name).touch(mode=0o640)
        (new / name).write_bytes(content)
    (folder / "..data_tmp").symlink_to(new.name)
    (folder / "..data_tmp").rename(before)


def pair(pki: PkiDirectory, name: str) -> dict[str, bytes]:
    """A certificate and its key, by their names in a secret, and encoded as by cert-manager."""
    files = issue(pki, name, Purpose.SERVER)
    key = load_pem_private_key(files.key.read_bytes(), None)
    encoded = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return {"tls.crt": files.certificate.read_bytes(), "tls.key": encoded}


@pytest.fixture
def pki(pki: PkiDirectory, tmp_path: Path) -> PkiDirectory:
    return PkiDirectory(Path(shutil.copytree(pki.path, tmp_path / "pki")))


def loaded(which: str, folder: Path) -> config.Configuration:
    """Load the configuration of an example from a folder that has the certificate too."""
    for name in ("tls.crt", "tls.key"):
        (folder / name).touch()
    (folder / "gateway.toml").write_text(configurations()[which])
    return config.load(folder / "gateway.toml")


@pytest.mark.parametrize("which", ["compose", "kubernetes"])
def test_configurations_are_accepted(which: str, tmp_path: Path) -> None:
    settings = loaded(which, tmp_path)
    # Not as many as the machine has cores: a container may use less.
    assert settings.workers == 0
    assert [pool.name for pool in PoolTable(settings.pools, settings.backends)] == ["nas"]
    [identity] = settings.certificates
    assert {path.name for path in identity.watched} == {"tls.crt", "tls.key"}


@pytest.mark.parametrize("which", list(commands()))
def test_command_lines_are_accepted(which: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").touch()
    name, *arguments = in_place(commands()[which], tmp_path)
    with cli.make_context("smbquic", [name, *arguments]) as context:
        command = cli.get_command(context, name)
        assert command is not None
        with command.make_context(name, arguments, parent=context):
            pass


def test_there_is_time_to_drain(tmp_path: Path) -> None:
    delay = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = pod()["terminationGracePeriodSeconds"] - delay
    assert loaded("kubernetes", tmp_path).limits.drain_seconds < grace
    stop = int(service()["stop_grace_period"].removesuffix("s"))
    assert loaded("compose", tmp_path).limits.drain_seconds < stop


def test_what_kubernetes_files_name_is_there() -> None:
    labels = only("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        only("Deployment")["spec"]["selector"]["matchLabels"],
        only("Service")["spec"]["selector"],
        only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        pod()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * len(selectors)

    volumes = {each["name"]: each for each in pod()["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
    assert mounts == {"configuration": CONFIGURATION, "run": RUN}
    assert volumes.keys() == mounts.keys()
    projected = volumes["configuration"]["projected"]
    assert projected["defaultMode"] == 0o440
    assert [name for each in projected["sources"] for name in each.values()] == [
        {"name": only("ConfigMap")["metadata"]["name"]},
        {"name": only("Certificate")["spec"]["secretName"]},
    ]

    port, web = container()["ports"]
    arguments = container()["args"]
    assert f"quic://{OWN_ADDRESS}:{port['containerPort']}" in arguments
    assert f"{OWN_ADDRESS}:{web['containerPort']}" in arguments
    for probe in ("livenessProbe", "readinessProbe"):
        assert container()[probe]["httpGet"] == {"path": "/healthz", "port": web["name"]}
    assert {each["name"] for each in container()["env"]} == {"POD_IP"}
    [exposed] = only("Service")["spec"]["ports"]
    assert (exposed["protocol"], exposed["port"]) == ("UDP", 443)
    assert exposed["targetPort"] == port["name"]
    clients, monitoring = only("NetworkPolicy")["spec"]["ingress"]
    assert clients == {"ports": [{"protocol": "UDP", "port": port["name"]}]}
    assert monitoring["ports"] == [{"protocol": "TCP", "port": web["name"]}]
    egress = only("NetworkPolicy")["spec"]["egress"][1]["to"][0]["ipBlock"]["cidr"]
    [backend] = tomllib.loads(configurations()["kubernetes"])["gateway"]["pools"]["nas"]["backends"]
    assert backend == f"tcp://{egress.removesuffix('/32')}:445"


def test_what_the_compose_file_names_is_there() -> None:
    compose = service()
    assert compose["volumes"] == [f"./gateway:{CONFIGURATION}:ro"]
    [nas] = compose["extra_hosts"]
    parsed = tomllib.loads(configurations()["compose"])
    assert parsed["gateway"]["pools"]["nas"]["backends"] == [f"tcp://{nas.partition(':')[0]}:445"]
    [listener] = parsed["listen"]
    assert compose["ports"] == [f"443:{listener.rpartition(':')[2]}/udp"]
    image = (EXAMPLES / "Containerfile").read_text()
    [user] = re.findall(r"^USER (\d+):\1$", image, re.MULTILINE)
    assert compose["tmpfs"] == [RUN]
    security = pod()["securityContext"]
    assert [security[each] for each in ("runAsUser", "runAsGroup", "fsGroup")] == [int(user)] * 3
    assert f"ENV RUNTIME_DIRECTORY={RUN}\n" in image
    assert (COMPOSE / compose["build"]["context"]).resolve() == ROOT
    assert (ROOT / compose["build"]["dockerfile"]).is_file()


def test_certificates_of_cert_manager_are_for_servers() -> None:
    spec = only("Certificate")["spec"]
    assert "server auth" in spec["usages"]
    assert spec["commonName"] in spec["dnsNames"]


def test_the_image_has_all_that_is_installed(tmp_path: Path) -> None:
    """The wheel is built of what the Containerfile copies, and nothing else."""
    if find_spec("hatchling") is None:
        pytest.skip("needs hatchling")
    text = (EXAMPLES / "Containerfile").read_text()
    for _, *sources, target in map(shlex.split, re.findall(r"^COPY .*$", text, re.MULTILINE)):
        folder = tmp_path / target.strip("/")
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, folder)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "wheel"],
        cwd=tmp_path / "src",
        check=True,
        capture_output=True,
    )
    assert [path.suffix for path in (tmp_path / "wheel").iterdir()] == [".whl"]
    assert (tmp_path / "src" / "constraints.txt").is_file()


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "RUNTIME_DIRECTORY": str(folder / "run")}


@contextmanager
def gateway(folder: Path, arguments: list[str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a gateway as in a pod, but with its log."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smbquic", *arguments, "--json", "-v"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(folder),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def check_memory(needed: int) -> None:
    """Check that a container may take what the limits come to, and health checks beside it."""
    limits = [tomllib.loads(each)["limits"] for each in configurations().values()]
    assert limits[0] == limits[1]
    for text in configurations().values():
        assert f"{needed >> 20} MiB of memory at most" in text
    memory = container()["resources"]["limits"]["memory"]
    assert (memory, service()["mem_limit"]) == ("1Gi", "1g")
    assert needed + 2 * HEALTH_CHECK < 1 << 30


def test_a_gateway_as_in_a_pod(pki: PkiDirectory, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    mounted(volume, configurations()["kubernetes"], pki)
    (tmp_path / "run").mkdir()

    def status() -> Any:
        """Return what `smbquic status` shows."""
        probe = [sys.executable, "-m", "smbquic", *commands()["compose health check"], "--json"]
        done = subprocess.run(
            probe, capture_output=True, env=environment(tmp_path), timeout=TIMEOUT, check=True
        )
        return json.loads(done.stdout.splitlines()[0])

    with gateway(tmp_path, in_place(commands()["kubernetes"], volume, port=0)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready"
        with urlopen(f"{ready['web']}{container()['livenessProbe']['httpGet']['path']}") as answer:
            assert answer.status == 200
        assert "fs.example" in status()["certificates"][0]["names"]
        check_memory(status()["memory"]["limit"])
        replace(volume, pair(pki, "other.example"))
        assert any("read anew" in line for line in process.stderr)
        assert "other.example" in status()["certificates"][0]["names"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0
