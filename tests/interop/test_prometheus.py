"""Debian's Prometheus gets the metrics, and understands the alerts and the dashboard's queries."""

import asyncio
import json
import re
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

import smbquic
from smbquic.api.gateway import gateway
from smbquic.options.gateway import PoolOptions
from smbquic.options.limits import Limits
from smbquic.options.web import WebOptions
from smbquic.pki import PkiDirectory
from tests.http_client import Client

EXAMPLES = Path(__file__).parents[2] / "examples" / "monitoring"
RULES = EXAMPLES / "rules.yml"
DASHBOARD = EXAMPLES / "grafana-dashboard.json"
WEB = WebOptions(address="127.0.0.1:0")
TIMEOUT = 60

pytestmark = pytest.mark.debian("prometheus", "promtool")


def promtool(*arguments: str | Path, given: str = "") -> None:
    """Run promtool; it must have nothing to complain about."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Services:
    """A server and a gateway to it."""

    def __init__(self, server: smbquic.Serving, running: Any, pki: PkiDirectory) -> None:
        self.web = [server.web, running.web]
        self._server = server
        self._running = running
        self._pki = pki

    async def use(self) -> None:
        """Do a bit of everything that is counted, over and over."""
        urls = [
            self._server.listeners[0].replace("quic://", "smb+quic://alice@") + "/data",
            self._running.listeners[0].replace("quic://", "smb+quic://alice@") + "/data",
        ]
        while True:
            for url in urls:
                async with smbquic.connect(url, password="secret", ca=self._pki.ca) as share:
                    await share.write_bytes("file", b"x" * 100_000)
                    await share.read_bytes("file")
                    with suppress(FileNotFoundError):
                        await share.stat("missing")
                    await asyncio.sleep(0.1)
            with suppress(smbquic.AuthenticationError):
                async with smbquic.connect(urls[0], password="wrong", ca=self._pki.ca):
                    pytest.fail("it connects")


@asynccontextmanager
async def services(folder: Path, pki: PkiDirectory) -> AsyncIterator[Services]:
    identity: dict[str, Any] = {"certificate": pki.server.certificate, "key": pki.server.key}
    async with (
        smbquic.serve(
            {"data": folder},
            {"alice": "secret"},
            ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"],
            **identity,
            limits=Limits(
                failed_logon_delay=0.0, failed_logons=1 << 20, failed_logons_of_address=1 << 20
            ),
            extended_protection=False,
            web=WEB,
            workers=1,
        ) as server,
        gateway(
            [PoolOptions(backends=[server.listeners[1]])],
            ["quic://127.0.0.1:0"],
            **identity,
            web=WEB,
        ) as running,
    ):
        yield Services(server, running, pki)


async def test_promtool_finds_nothing_wrong_with_the_metrics(
    tmp_path: Path, pki: PkiDirectory
) -> None:
    async with services(tmp_path, pki) as found:
        for url in found.web:
            client = await Client.connect(url)
            _, text = await client.get("/metrics")
            await client.close()
            await asyncio.to_thread(promtool, "check", "metrics", given=text)


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    promtool("check", "rules", RULES)
    promtool("check", "config", EXAMPLES / "prometheus.yml")


def query(url: str, what: str) -> Any:
    with urllib.request.urlopen(f"{url}/api/v1/{what}", timeout=TIMEOUT) as response:
        answer = json.load(response)
    assert answer["status"] == "success"
    return answer["data"]


def results(url: str, expression: str) -> list[Any]:
    found: list[Any] = query(url, f"query?query={quote(expression)}")["result"]
    return found


@contextmanager
def prometheus(folder: Path, targets: list[str]) -> Iterator[str]:
    """Run Prometheus with the example's configuration for these targets; yields its URL."""
    configuration = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    configuration["rule_files"] = [str(RULES)]
    (job,) = configuration["scrape_configs"]
    job["static_configs"][0]["targets"] = [each.removeprefix("http://") for each in targets]
    folder.mkdir()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            stderr=log,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield address_of(process, folder / "log")
        finally:
            process.terminate()
            process.wait(TIMEOUT)


def address_of(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the URL of Prometheus, once it answers queries."""
    while process.poll() is None:
        text = log.read_text()
        found = re.search(r'"Listening on" address=(\S+)', text)
        if found and "Server is ready to receive web requests" in text:
            return f"http://{found[1]}"
        time.sleep(0.05)
    pytest.fail(log.read_text())


def expressions() -> Iterator[str]:
    """Yield the queries of the dashboard, as Grafana would send them."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*")


async def until_there_is_data(url: str, expression: str, using: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(TIMEOUT):
        while not await asyncio.to_thread(results, url, expression):
            if using.done():
                await using
            await asyncio.sleep(0.25)


async def test_every_query_of_the_dashboard_has_data(tmp_path: Path, pki: PkiDirectory) -> None:
    (tmp_path / "share").mkdir()
    async with services(tmp_path / "share", pki) as found:
        using = asyncio.create_task(found.use())
        with prometheus(tmp_path / "prometheus", found.web) as url:
            # Rates need two values, of what has happened by then.
            for each in expressions():
                try:
                    await until_there_is_data(url, each, using)
                except TimeoutError:
                    pytest.fail(f"there is no data: {each}")
            groups = (await asyncio.to_thread(query, url, "rules"))["groups"]
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
    assert len(list(expressions())) >= 40
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}
    assert len(rules) == len(ALERTS)


def test_the_dashboard_has_what_grafana_asks_for() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["title"]
    assert dashboard["schemaVersion"] >= 36
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {each["name"] for each in dashboard["templating"]["list"]}
    for panel in panels:
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"]
            assert {each["datasource"]["uid"] for each in panel["targets"]} == {"${datasource}"}
            assert len({each["refId"] for each in panel["targets"]}) == len(panel["targets"])
    used = set(re.findall(r"\$\{?(\w+)\}?", DASHBOARD.read_text()))
    assert used - {"__all", "__rate_interval"} == variables
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, "panels overlap"
        assert max(columns) < 24
        taken |= cells


ALERTS: Mapping[str, Mapping[str, str]] = {
    "SmbquicDown": {'up{job="smbquic"}': "0x60"},
    "SmbquicCertificateEnds": {"smbquic_certificate_expiry_timestamp_seconds": "1000000x60"},
    "SmbquicCertificateEnded": {"smbquic_certificate_expiry_timestamp_seconds": "60x60"},
    "SmbquicSlow": {
        'smbquic_request_seconds_bucket{command="READ",le="1.0"}': "0+1x60",
        'smbquic_request_seconds_bucket{command="READ",le="5.0"}': "0+60x60",
        'smbquic_request_seconds_bucket{command="READ",le="+Inf"}': "0+60x60",
    },
    "SmbquicEventLoopLate": {
        'smbquic_loop_lag_seconds_bucket{le="0.25"}': "0+1x60",
        'smbquic_loop_lag_seconds_bucket{le="5.0"}': "0+60x60",
        'smbquic_loop_lag_seconds_bucket{le="+Inf"}': "0+60x60",
    },
    "SmbquicLimitReached": {
        'smbquic_limit{limit="opens"}': "100x60",
        'smbquic_limit_used{limit="opens"}': "95x60",
    },
    "SmbquicDescriptorsUsed": {
        "process_open_fds": "95x60",
        "process_max_fds": "100x60",
        "smbquic_build_info": "1x60",
    },
    "SmbquicClientsRefused": {'smbquic_refusals_total{reason="connections"}': "0+5x60"},
    "SmbquicLogonsFail": {'smbquic_logons_total{result="STATUS_LOGON_FAILURE"}': "0+10x60"},
    "SmbquicHandshakesFail": {
        'smbquic_handshakes_total{result="ok"}': "0+1x60",
        'smbquic_handshakes_total{result="unknown-ca"}': "0+9x60",
    },
    "SmbquicBug": {"smbquic_failures_total": "0+1x60"},
    "SmbquicAuditRecordsLost": {"smbquic_lost_audit_records_total": "0+1x60"},
    "SmbquicWorkerRestarted": {'smbquic_worker_restarts_total{worker="0"}': "0+1x60"},
    "SmbquicBackendDown": {
        'smbquic_backend_up{pool="default",backend="a"}': "0x60",
        'smbquic_backend_up{pool="default",backend="b"}': "1x60",
    },
    "SmbquicNoBackend": {'smbquic_backend_up{pool="default",backend="a"}': "0x60"},
}
"""The series with which each alert fires."""
QUIET: Mapping[str, str] = {
    'up{job="smbquic"}': "1x60",
    "smbquic_certificate_expiry_timestamp_seconds": "10000000x60",
    'smbquic_request_seconds_bucket{command="READ",le="1.0"}': "0+60x60",
    'smbquic_request_seconds_bucket{command="READ",le="+Inf"}': "0+60x60",
    'smbquic_request_seconds_bucket{command="CHANGE_NOTIFY",le="1.0"}': "0x60",
    'smbquic_request_seconds_bucket{command="CHANGE_NOTIFY",le="+Inf"}': "0+60x60",
    'smbquic_loop_lag_seconds_bucket{le="0.25"}': "0+60x60",
    'smbquic_loop_lag_seconds_bucket{le="+Inf"}': "0+60x60",
    'smbquic_limit{limit="opens"}': "100x60",
    'smbquic_limit_used{limit="opens"}': "5x60",
    'smbquic_refusals_total{reason="connections"}': "7x60",
    'smbquic_refusals_total{reason="failed-logon"}': "0+9x60",
    'smbquic_logons_total{result="ok"}': "0+90x60",
    'smbquic_logons_total{result="STATUS_LOGON_FAILURE"}': "0+1x60",
    'smbquic_handshakes_total{result="ok"}': "0+90x60",
    'smbquic_handshakes_total{result="unknown-ca"}': "0+9x60",
    "smbquic_failures_total": "3x60",
    "smbquic_lost_audit_records_total": "0x60",
    'smbquic_worker_restarts_total{worker="0"}': "1x60",
    'smbquic_backend_up{pool="default",backend="a"}': "1x60",
}
"""Those of a server with which all is well."""


def rule_test(series: Mapping[str, str], expression: str, fired: bool) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": "30m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fired else [],
            }
        ],
    }


def test_each_alert_fires_when_it_should_and_none_else(tmp_path: Path) -> None:
    rules = [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]
    assert [rule["alert"] for rule in rules] == list(ALERTS)
    tests = [rule_test(QUIET, 'ALERTS{alertstate="firing"}', fired=False)]
    for name, series in ALERTS.items():
        expression = f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'
        tests.append(rule_test(series, expression, fired=True))
    file = tmp_path / "tests.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests})
    )
    promtool("test", "rules", file)
