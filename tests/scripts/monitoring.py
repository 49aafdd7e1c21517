#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The metrics, the alert rules and the dashboard: promtool checks them, and a real Prometheus, which scrapes a real
node_exporter, which reads netpol.prom of a real run, has an answer to each panel's query."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import forge
from netlab import BUILD, Lab, Skip, TESTS, run, wait_for
from report import test, finish, equal

MONITORING = os.path.join(os.path.dirname(TESTS), "monitoring")
PACKAGES = ("prometheus", "prometheus-node-exporter")
PROMETHEUS, EXPORTER = "127.0.0.1:9090", "127.0.0.1:9100"


def program(name):
    """Its path. Where Debian's packages are not installed they are unpacked below the build: to install them would
    start two services."""
    folder = os.path.join(BUILD, "prometheus")
    path = shutil.which(name) or os.path.join(folder, "usr/bin", name)
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        result = run("apt-get", "download", "-qq", *PACKAGES, cwd=folder, check=False)
        for package in (n for n in os.listdir(folder) if n.endswith(".deb")):
            run("dpkg", "-x", package, folder, cwd=folder)
        if not os.path.exists(path):
            raise Skip(f"{name} is not installed, and cannot be downloaded: {result.stderr.strip()[:200]}")
    return path


def alert_rules():
    """monitoring: the alert rules are valid, and fire when they must and only then"""
    with tempfile.TemporaryDirectory() as d:
        shutil.copy(os.path.join(MONITORING, "netpol-alerts.yml"), d)
        shutil.copy(os.path.join(TESTS, "lib", "alerts-test.yml"), d)
        for command in (("check", "rules", "netpol-alerts.yml"), ("test", "rules", "alerts-test.yml")):
            result = run(program("promtool"), *command, cwd=d, check=False)
            equal(result.returncode, 0, f"promtool {' '.join(command)}: {result.stdout} {result.stderr}")
        rules = open(f"{d}/netpol-alerts.yml").read()
        tests = open(f"{d}/alerts-test.yml").read()
        equal(set(re.findall(r"alertname: (\w+)", tests)), set(re.findall(r"alert: (\w+)", rules)),
              "alerts with a test")


def new_lab():
    """A lab in which b refuses what a sends, an audited policy would refuse it before, and how to send it."""
    lab = Lab("routed")
    a, b = (lab.pod("default", name, [f"10.244.1.{10 + i}"], {"pod": name}) for i, name in enumerate("ab"))
    lab.namespace("default")
    lab.write_inventory()
    lab.write_policies([{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {
        "name": "b", "namespace": "default"}, "spec": {"podSelector": {"matchLabels": {"pod": "b"}}}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {
            "name": "a", "namespace": "default", "annotations": {"netpol/enforcement": "audit"}},
         "spec": {"podSelector": {"matchLabels": {"pod": "a"}}, "policyTypes": ["Egress"]}}])
    lab.start()
    return lab, lambda port: lab.probe([(a.netns, b.netns, "tcp", a.addresses[0], b.addresses[0], port)])


def check_metrics():
    """monitoring: promtool has no objection to the metrics, and every one is documented"""
    lab, refused = new_lab()
    with lab:
        equal(refused(80), ["reject"], "the flow")
        wait_for(lambda: 'pod="b"' in open(f"{lab.runtime}/netpol.prom").read(), 60, "the packet to be counted")
        text = open(f"{lab.runtime}/netpol.prom").read()
        result = run(program("promtool"), "check", "metrics", input=text, check=False)
        equal((result.returncode, result.stdout, result.stderr), (0, "", ""), "promtool check metrics")
        documented = open(os.path.join(os.path.dirname(TESTS), "docs", "service.md")).read()
        equal([n for n in re.findall(r"^# TYPE (\S+)", text, re.M) if n not in documented], [],
              "metrics that docs/service.md does not name")


class Monitoring:
    """Prometheus and node_exporter in a network namespace of their own."""

    def __init__(self, lab):
        self.lab, self.netns = lab, lab._make_netns("monitoring")
        self.log = open(os.path.join(lab.dir, "monitoring.log"), "w+")
        config = os.path.join(lab.dir, "prometheus.yml")
        lab.put(config, "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: node\n    static_configs:\n"
                f"      - targets: ['{EXPORTER}']\n")
        self.processes = [self._start(program("prometheus-node-exporter"), "--collector.disable-defaults",
                                      "--collector.textfile", f"--collector.textfile.directory={lab.runtime}",
                                      f"--web.listen-address={EXPORTER}"),
                          self._start(program("prometheus"), f"--config.file={config}",
                                      f"--storage.tsdb.path={lab.dir}/tsdb", f"--web.listen-address={PROMETHEUS}")]
        wait_for(lambda: self.ask("up"), 60, f"Prometheus to answer: {open(self.log.name).read()[-500:]}")

    def _start(self, *command):
        return subprocess.Popen(["ip", "netns", "exec", self.netns, *command], stdout=self.log, stderr=self.log)

    def ask(self, query):
        """The series of the answer; an error of the query is a failure."""
        url = f"http://{PROMETHEUS}/api/v1/query?query={urllib.parse.quote(query)}"
        result = self.lab.inside(self.netns, "curl", "-s", url, check=False)
        if result.returncode or not result.stdout.startswith("{"):
            return []
        answer = json.loads(result.stdout)
        equal(answer["status"], "success", f"the query {query}: {answer.get('error')}")
        return answer["data"]["result"]

    def close(self):
        for process in self.processes:
            process.terminate()
            process.wait(60)


def queries():
    """(panel, query) of the dashboard, as Grafana asks when it shows all nodes and the last minute."""
    with open(os.path.join(MONITORING, "netpol-dashboard.json")) as f:
        panels = json.load(f)["panels"]
    for panel in panels:
        for target in panel["targets"]:
            yield panel["title"], (target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")
                                   .replace("$__range", "1m"))


def dashboard():
    """monitoring: Prometheus has an answer to every query of the dashboard, over a real run"""
    lab, refused = new_lab()
    with lab:
        monitoring = Monitoring(lab)
        try:
            equal(refused(80), ["reject"], "the flow")
            forge.send(lab.pods["default/a"].netns, forge.RAW, "10.99.0.1", 4444, "10.244.1.11", 80)
            lab.in_node("nft", "add rule inet netpol forward accept")
            wait_for(lambda: lab.status()["repairs"] > 0, 60, "the repair")
            lab.write_policy_file("c.yaml", "# nothing\n")
            lab.write_policies([])
            wait_for(lambda: lab.status()["counts"]["policies"] == 0, 60, "a change")
            for panel, query in queries():
                wait_for(lambda: monitoring.ask(query), 60, f"an answer to the panel {panel!r}: {query}")
            found = monitoring.ask('netpol_denied_packets_total{pod="b",direction="ingress"}')
            equal(int(found[0]["value"][1]) > 0, True, f"the refused packets: {found}")
            found = monitoring.ask('netpol_would_deny_packets_total{pod="a",direction="egress"}')
            equal(int(found[0]["value"][1]) > 0, True, f"the packets that would be refused: {found}")
            query = 'netpol_forged_packets_total{pod="a"}'
            wait_for(lambda: [v["value"][1] for v in monitoring.ask(query)] == ["1"], 60, "the packet of another source")
            values = [v["value"][1] for _, query in queries() for v in monitoring.ask(query)]
            equal(len(values) > 20, True, f"{len(values)} values")
        finally:
            monitoring.close()


for case in (alert_rules, check_metrics, dashboard):
    test(case)
finish()
