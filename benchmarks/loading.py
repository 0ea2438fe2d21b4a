"""Reading manifests of 20,000 pods: JSON as `kubectl get -o json` writes it, and the same as YAML."""

import gc
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from yaml._yaml import CParser

from benchmarks.clusters import Object, Plan, objects
from benchmarks.measuring import Figure, processor_seconds
from ringfence.sources.manifests import read_files

PLAN = Plan(20_000, 0, 100)


def measure() -> Iterator[Figure]:
    """Megabytes a second for both formats; the files are made first, which takes longer than reading them."""
    with tempfile.TemporaryDirectory() as folder:
        as_json, as_yaml = Path(folder, "list.json"), Path(folder, "documents.yaml")
        _write(as_json, as_yaml)
        gc.collect()
        gc.freeze()
        yield from _read(as_json, "JSON", 1 / 100)
        yield from _read(as_yaml, "YAML", None)
        megabytes = as_yaml.stat().st_size / 1e6
        yield Figure(
            "  speed of its parser alone, as events", megabytes / processor_seconds(lambda: _events(as_yaml)), "MB/s"
        )


def _events(path: Path) -> None:
    """The lower bound of reading YAML: libyaml's parser, and an object for each of its events."""
    parser = CParser(path.read_text())
    while type(parser.get_event()) is not yaml.StreamEndEvent:
        pass


def _write(as_json: Path, as_yaml: Path) -> None:
    everything = [as_listed(one) for one in objects(PLAN)]
    as_json.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": everything}, indent=4))
    with as_yaml.open("w") as file:
        yaml.dump_all(everything, file, Dumper=yaml.CSafeDumper)


def as_listed(one: Object) -> Object:
    """The object with the fields that an API server adds, so that a pod has 4 kB, as in a real list."""
    if one["kind"] != "Pod":
        return one
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    fields: Object = {f"f:{key}": {".": {}, "f:value": {}} for key in (*one["metadata"], *one["spec"])}
    managed = [
        {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields}
    ]
    return {
        **one,
        "metadata": {**one["metadata"], "uid": "8f7d2c1e-0000-4000-8000-000000000000", "managedFields": managed * 2},
        "status": {**one["status"], "conditions": conditions, "qosClass": "Burstable"},
    }


def _read(path: Path, name: str, seconds_per_megabyte: float | None) -> Iterator[Figure]:
    megabytes = path.stat().st_size / 1e6
    took = processor_seconds(lambda: read_files([str(path)]))
    limit = None if seconds_per_megabyte is None else seconds_per_megabyte * megabytes
    yield Figure(f"{name} of 20,000 pods, {megabytes:.0f} MB", took, "s", limit)
    yield Figure("  speed", megabytes / took, "MB/s")
