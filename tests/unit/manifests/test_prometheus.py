"""What Prometheus scrapes, keeps and may see."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

Objects = list[dict[str, Any]]
Only = Callable[[Objects, str, str], dict[str, Any]]


@pytest.fixture
def jobs(monitoring: Objects, only: Only) -> dict[str, dict[str, Any]]:
    config = yaml.safe_load(
        only(monitoring, "ConfigMap", "prometheus-config")["data"]["prometheus.yml"]
    )
    return {job["job_name"]: job for job in config["scrape_configs"]}


CONTAINER = {"pod": "p", "container": "c"}


def kept(job: dict[str, Any], name: str, **labels: str) -> bool:
    """Whether a sample survives; the part of relabelling that the configuration uses."""
    sample = {"__name__": name, **labels}
    for rule in job["metric_relabel_configs"]:
        value = ";".join(sample.get(label, "") for label in rule.get("source_labels", []))
        matches = re.fullmatch(str(rule["regex"]), value, re.ASCII) is not None
        if (rule["action"], matches) in {("keep", False), ("drop", True)}:
            return False
    return True


def test_the_shop_is_scraped_every_two_seconds_in_its_two_namespaces(
    jobs: dict[str, dict[str, Any]],
) -> None:
    job = jobs["pods"]
    assert job["scrape_interval"] == "2s"
    assert job["kubernetes_sd_configs"] == [
        {"role": "pod", "namespaces": {"names": ["fault-injection-shop", "shop-load"]}}
    ]
    targets = {rule.get("target_label") for rule in job["relabel_configs"]}
    assert {"namespace", "pod", "node", "service"} <= targets


def test_every_kubelet_is_scraped_every_five_seconds(
    jobs: dict[str, dict[str, Any]], monitoring: Objects, only: Only
) -> None:
    data = only(monitoring, "ConfigMap", "prometheus-config")["data"]["prometheus.yml"]
    assert yaml.safe_load(data)["global"]["scrape_interval"] == "5s"
    kubelet = {
        job.get("metrics_path", "/metrics")
        for job in jobs.values()
        if job["kubernetes_sd_configs"] == [{"role": "node"}] and "scrape_interval" not in job
    }
    assert kubelet == {"/metrics", "/metrics/resource", "/metrics/cadvisor"}


@pytest.mark.parametrize(
    ("job", "name", "labels", "wanted"),
    [
        ("cadvisor", "container_cpu_usage_seconds_total", CONTAINER, True),
        ("cadvisor", "container_cpu_cfs_throttled_periods_total", CONTAINER, True),
        ("cadvisor", "container_cpu_cfs_throttled_seconds_total", CONTAINER, True),
        ("cadvisor", "container_cpu_cfs_periods_total", CONTAINER, True),
        ("cadvisor", "container_memory_working_set_bytes", CONTAINER, True),
        ("cadvisor", "container_fs_usage_bytes", CONTAINER, True),
        ("cadvisor", "container_network_receive_bytes_total", {"pod": "p"}, True),
        ("cadvisor", "container_network_transmit_packets_dropped_total", {"pod": "p"}, True),
        ("cadvisor", "container_cpu_usage_seconds_total", {"pod": "p"}, False),
        ("cadvisor", "container_memory_working_set_bytes", {}, False),
        ("cadvisor", "container_tasks_state", CONTAINER, False),
        ("kubelet", "kubelet_volume_stats_available_bytes", {}, True),
        ("kubelet", "kubelet_runtime_operations_duration_seconds_bucket", {}, False),
        ("kubelet-resource", "node_memory_working_set_bytes", {}, True),
        ("kubelet-resource", "container_cpu_usage_seconds_total", {}, False),
        ("pods", "http_server_request_duration_seconds_bucket", {}, True),
        ("pods", "http_server_request_duration_seconds_created", {}, False),
    ],
)  # fmt: skip
def test_what_is_used_is_kept_and_nothing_else(
    jobs: dict[str, dict[str, Any]],
    job: str,
    name: str,
    labels: dict[str, str],
    *,
    wanted: bool,
) -> None:
    assert kept(jobs[job], name, **labels) is wanted


def test_time_disk_and_memory_are_bounded(monitoring: Objects, only: Only) -> None:
    pod = only(monitoring, "Deployment", "prometheus")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert "--storage.tsdb.retention.time=6h" in container["args"]
    assert "--storage.tsdb.retention.size=512MB" in container["args"]
    assert container["resources"]["limits"]["memory"] == "300Mi"
    assert [each["emptyDir"] for each in pod["volumes"] if "emptyDir" in each] == [
        {"sizeLimit": "1Gi"}
    ]


def test_it_may_read_what_it_scrapes_and_change_nothing(monitoring: Objects, only: Only) -> None:
    assert only(monitoring, "ClusterRole", "prometheus")["rules"] == [
        {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    ]
