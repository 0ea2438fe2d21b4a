"""Alerts and dashboard (`deploy/monitoring`): they read only metrics of the agent, and alerts fire when they should."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ringfence.agent.metrics import Metrics

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())["spec"]["groups"]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
ALERTS = {rule["alert"]: rule for group in RULES for rule in group["rules"]}
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
OF_THE_SCRAPE = {"node", "le"}
"""Labels that the scrape adds, or the kind of the metric."""


class Firing(NamedTuple):
    """Series that make an alert fire at minute 20, and the labels with which it fires."""

    series: dict[str, str]
    labels: dict[str, str]


ON_A = {"node": "a"}
FIRINGS = {
    "RingfenceAgentNotReady": Firing(
        {'ringfence_not_ready{node="a",reason="lag"}': "1x30"}, {"node": "a", "reason": "lag"}
    ),
    "RingfenceRulesNotInOrder": Firing({'ringfence_in_order{node="a"}': "0x30"}, ON_A),
    "RingfenceTableContested": Firing({'ringfence_table_contested{node="a"}': "1x30"}, ON_A),
    "RingfenceBridgesBypassPolicies": Firing({'ringfence_bypassing_bridges{node="a"}': "1x30"}, ON_A),
    "RingfencePodsClosed": Firing(
        {'ringfence_closed_pods{node="a",reason="share"}': "3x30"}, {"node": "a", "reason": "share"}
    ),
    "RingfenceUnusableObjects": Firing({'ringfence_unusable_objects{node="a"}': "2x30"}, ON_A),
    "RingfenceFailures": Firing(
        {'ringfence_failures_total{node="a",stage="kernel"}': "0+1x30"}, {"node": "a", "stage": "kernel"}
    ),
    "RingfencePacketsHeld": Firing(
        {'ringfence_held_packets_total{node="a",reason="unknown",family="IPv4"}': "0+1x30"},
        {"node": "a", "reason": "unknown"},
    ),
    "RingfenceSpoofedPackets": Firing({'ringfence_spoofed_packets_total{node="a",family="4"}': "0+60x30"}, ON_A),
    "RingfenceSpoofedFrames": Firing(
        {'ringfence_bridge_dropped_frames_total{node="a",reason="spoofed"}': "0+60x30"}, ON_A
    ),
    "RingfenceBridgePortsUnknown": Firing(
        {'ringfence_bridge_ports{node="a",leads_to="unknown"}': "2x30"}, {"node": "a", "leads_to": "unknown"}
    ),
}
QUIET = {
    'ringfence_not_ready{node="a",reason="lag"}': "0x30",
    'ringfence_in_order{node="a"}': "1x30",
    'ringfence_table_contested{node="a"}': "0x30",
    'ringfence_bypassing_bridges{node="a"}': "0x30",
    'ringfence_closed_pods{node="a",reason="share"}': "0x30",
    'ringfence_unusable_objects{node="a"}': "0x30",
    'ringfence_failures_total{node="a",stage="kernel"}': "5x30",
    'ringfence_held_packets_total{node="a",reason="unknown",family="IPv4"}': "5x30",
    'ringfence_spoofed_packets_total{node="a",family="4"}': "0+1x30",
    'ringfence_bridge_dropped_frames_total{node="a",reason="spoofed"}': "0+1x30",
    'ringfence_bridge_dropped_frames_total{node="a",reason="denied"}': "0+60x30",
    'ringfence_bridge_ports{node="a",leads_to="unknown"}': "0x30",
    'ringfence_bridge_ports{node="a",leads_to="pod"}': "9x30",
}
"""An agent of which nothing is to be reported."""


@pytest.fixture(scope="module")
def names() -> set[str]:
    """The names of all time series of an agent."""
    return set(series_of(Metrics().text().decode()))


@pytest.fixture(scope="module")
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is missing: `make system` installs it on Debian, as root")
    return program


def series_of(text: str) -> Iterator[str]:
    for family in text_string_to_metric_families(text):
        yield from (f"{family.name}_total",) if family.type == "counter" else (family.name,)
        if family.type == "histogram":
            yield f"{family.name}_bucket"


@pytest.mark.parametrize("query", [*(rule["expr"] for rule in ALERTS.values()), *QUERIES])
def test_every_metric_that_alerts_and_dashboards_read_is_one_of_the_agent(query: str, names: set[str]) -> None:
    read = set(re.findall(r"ringfence_\w+", query))
    assert read
    assert read <= names


def test_a_test_makes_every_alert_fire() -> None:
    assert FIRINGS.keys() == ALERTS.keys()


class TestPrometheus:
    """The checks that Prometheus's own tool does."""

    @staticmethod
    def ask(promtool: str, *arguments: str, folder: Path) -> None:
        done = subprocess.run([promtool, *arguments], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_queries_are_valid(self, promtool: str, tmp_path: Path) -> None:
        records = [
            {"record": f"query:{number}", "expr": query.replace("$node", ".*")} for number, query in enumerate(QUERIES)
        ]
        groups = [*RULES, {"name": "queries", "rules": records}]
        (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
        self.ask(promtool, "check", "rules", "rules.yaml", folder=tmp_path)

    @pytest.mark.parametrize("alert", FIRINGS)
    def test_an_alert_fires(self, promtool: str, tmp_path: Path, alert: str) -> None:
        firing = FIRINGS[alert]
        labels = {**ALERTS[alert]["labels"], **firing.labels}
        expected = [{"exp_labels": labels, "exp_annotations": annotations(alert, firing)}]
        self.check(promtool, tmp_path, {**QUIET, **firing.series}, alert, expected)

    @pytest.mark.parametrize("alert", FIRINGS)
    def test_an_alert_is_silent_while_nothing_is_wrong(self, promtool: str, tmp_path: Path, alert: str) -> None:
        self.check(promtool, tmp_path, QUIET, alert, [])

    def check(
        self, promtool: str, folder: Path, series: dict[str, str], alert: str, expected: list[dict[str, Any]]
    ) -> None:
        (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": RULES}))
        test = {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [{"eval_time": "25m", "alertname": alert, "exp_alerts": expected}],
        }
        (folder / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
        self.ask(promtool, "test", "rules", "test.yaml", folder=folder)


def annotations(alert: str, firing: Firing) -> dict[str, str]:
    """The annotations of an alert, with its variables replaced."""
    value = next(iter(firing.series.values())).partition("x")[0]
    replaced = {"{{ $value | humanizeDuration }}": f"{value}s", "{{ $value }}": value}
    replaced |= {f"{{{{ $labels.{name} }}}}": text for name, text in firing.labels.items()}
    found = dict(ALERTS[alert]["annotations"])
    for variable, text in replaced.items():
        found = {name: one.replace(variable, text) for name, one in found.items()}
    return found
