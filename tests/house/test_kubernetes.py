"""The Kubernetes manifests: valid by schema, consistent, and as confined as the image allows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.kubernetes.apps.v1 import Deployment
from cloudcoil.models.kubernetes.batch.v1 import Job
from cloudcoil.models.kubernetes.core.v1 import (
    ConfigMap,
    Namespace,
    Secret,
    Service,
    ServiceAccount,
)
from cloudcoil.models.kubernetes.networking.v1 import NetworkPolicy
from cloudcoil.models.kubernetes.policy.v1 import PodDisruptionBudget
from pydantic import BaseModel

from docmill.batches.reconcile import STOP_SECONDS
from docmill.contracts import names
from docmill.settings import Settings
from tests.house.code import ROOT
from worker import GRACE

FOLDER = ROOT / "deploy" / "kubernetes"
SCHEMAS: dict[tuple[str, str], type[BaseModel]] = {
    ("v1", "Namespace"): Namespace,
    ("v1", "ConfigMap"): ConfigMap,
    ("v1", "Secret"): Secret,
    ("v1", "Service"): Service,
    ("v1", "ServiceAccount"): ServiceAccount,
    ("apps/v1", "Deployment"): Deployment,
    ("batch/v1", "Job"): Job,
    ("networking.k8s.io/v1", "NetworkPolicy"): NetworkPolicy,
    ("policy/v1", "PodDisruptionBudget"): PodDisruptionBudget,
    ("keda.sh/v1alpha1", "ScaledObject"): ScaledObject,
}
TEMPORAL_TRIGGER = {
    "endpoint",
    "namespace",
    "taskQueue",
    "queueTypes",
    "targetQueueSize",
    "activationTargetQueueSize",
    "workerDeploymentName",
    "workerDeploymentBuildId",
    "minConnectTimeout",
    "unsafeSsl",
    "tlsServerName",
}
"""Fields of https://keda.sh/docs/2.21/scalers/temporal/ that are not deprecated."""

Manifest = dict[str, Any]


def _read(pattern: str) -> list[Manifest]:
    files = sorted(FOLDER.rglob(pattern))
    assert files
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


MANIFESTS = _read("*.yaml")
EXAMPLES = _read("*.example")
WORKLOADS = [one for one in MANIFESTS if one["kind"] in ("Deployment", "Job")]


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def _dropped(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of fields that a schema does not have."""
    if isinstance(given, Mapping):
        for key, value in given.items():
            if not isinstance(kept, Mapping) or key not in kept:
                yield f"{path}.{key}"
            else:
                yield from _dropped(value, kept[key], f"{path}.{key}")
    elif isinstance(given, Sequence) and not isinstance(given, str):
        for number, value in enumerate(given):
            yield from _dropped(value, kept[number], f"{path}[{number}]")


@pytest.mark.parametrize("manifest", [*MANIFESTS, *EXAMPLES], ids=_name)
def test_manifest_is_valid_by_its_schema(manifest: Manifest) -> None:
    schema = SCHEMAS[manifest["apiVersion"], manifest["kind"]]
    found = schema.model_validate(manifest).model_dump(
        mode="json", by_alias=True, exclude_unset=True
    )
    assert not list(_dropped(manifest, found))
    assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == "docmill"


def test_schema_check_finds_a_misspelled_field() -> None:
    service = next(one for one in MANIFESTS if one["kind"] == "Service")
    wrong = {**service, "spec": {**service["spec"], "selectors": {}}}
    found = Service.model_validate(wrong).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert list(_dropped(wrong, found)) == [".spec.selectors"]


@pytest.mark.parametrize("workload", WORKLOADS, ids=_name)
def test_pods_are_confined_limited_and_have_a_read_only_root(workload: Manifest) -> None:
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    uid = re.search(r"useradd --uid (\d+)", (ROOT / "Dockerfile").read_text())
    assert uid is not None
    assert pod["securityContext"]["runAsUser"] == int(uid[1])
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= set(container["resources"]["limits"])
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    writable = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
    assert writable == {"/var/lib/docmill", "/tmp"}
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert all("sizeLimit" in v["emptyDir"] for v in pod["volumes"] if "emptyDir" in v)


@pytest.mark.parametrize("name", ["docmill-worker", "docmill-api"])
def test_deployments_have_probes_and_time_to_stop(name: str) -> None:
    workload = next(one for one in WORKLOADS if one["metadata"]["name"] == name)
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"] for port in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    needed = GRACE + timedelta(seconds=STOP_SECONDS)
    assert pod["terminationGracePeriodSeconds"] >= 3 * needed.total_seconds()


def test_every_setting_is_known_and_valid() -> None:
    values = dict(next(one["data"] for one in MANIFESTS if one["kind"] == "ConfigMap"))
    for workload in WORKLOADS:
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        values |= {one["name"]: one["value"] for one in container.get("env", ())}
        assert {"configMapRef": {"name": "docmill"}} in container["envFrom"]
    fields = {f"DOCMILL_{field.upper()}": field for field in Settings.model_fields}
    ours = {name: value for name, value in values.items() if not name.startswith("TEMPORAL_")}
    assert set(ours) <= set(fields)
    Settings(**{fields[name]: value for name, value in ours.items()})


def test_secrets_have_no_values_and_every_named_one_is_in_the_example() -> None:
    example = {one["metadata"]["name"]: one["stringData"] for one in EXAMPLES}
    assert set(example["docmill"].values()) | set(example["docmill-credentials"].values()) == {""}
    settings: dict[str, str] = next(one["data"] for one in MANIFESTS if one["kind"] == "ConfigMap")
    named = {v.removeprefix("secret:") for v in settings.values() if v.startswith("secret:")}
    assert named == set(example["docmill"])
    for workload in WORKLOADS:
        pod = workload["spec"]["template"]["spec"]
        mounts = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
        assert mounts["secrets"] == settings["DOCMILL_SECRETS_DIR"]
        (secret,) = [one["secret"] for one in pod["volumes"] if "secret" in one]
        assert secret["secretName"] in example


def test_selectors_find_pods() -> None:
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in WORKLOADS]
    selectors = [one["spec"]["selector"] for one in MANIFESTS if one["kind"] == "Service"]
    for one in MANIFESTS:
        if one["kind"] in ("Deployment", "PodDisruptionBudget"):
            selectors.append(one["spec"]["selector"]["matchLabels"])
        elif one["kind"] == "NetworkPolicy":
            selectors.append(one["spec"]["podSelector"].get("matchLabels", {}))
    for selector in selectors:
        assert any(selector.items() <= labels.items() for labels in pods), selector


def test_autoscaling_reads_queues_of_docmill_by_the_fields_of_the_scaler() -> None:
    scaled = next(one["spec"] for one in MANIFESTS if one["kind"] == "ScaledObject")
    assert scaled["scaleTargetRef"]["name"] in {one["metadata"]["name"] for one in WORKLOADS}
    assert scaled["minReplicaCount"] >= 1
    queues = set()
    for trigger in scaled["triggers"]:
        assert trigger["type"] == "temporal"
        assert set(trigger["metadata"]) <= TEMPORAL_TRIGGER
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert trigger["metadata"]["queueTypes"] == "activity"
        queues.add(trigger["metadata"]["taskQueue"])
    assert queues == {
        names.LOCAL_ENGINES_QUEUE,
        names.LOCAL_GROUPS_QUEUE,
        names.REMOTE_ENGINES_QUEUE,
    }
