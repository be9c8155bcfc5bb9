"""Deployments of revisions: what they are called, how they are made, and how templates are compared."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from rollout.models.kinds import Key, Manifest
from rollout.models.rollout import MANAGER, REVISION_LABEL, ROLLOUT_LABEL, parse_time

RESTARTED = "kubectl.kubernetes.io/restartedAt"  # what `kubectl rollout restart` sets
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels: no words by accident (as Kubernetes' own hashes)
REVISION_LENGTH = 10
_OWN_LABELS = (ROLLOUT_LABEL, REVISION_LABEL)


def revision_of(template: Manifest) -> str:
    """The name of the revision this pod template stands for, the same for the same content."""
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(REVISION_LENGTH))


def bare(template: Manifest) -> Manifest:
    """The pod template without what this controller and a restart add to it, for comparison."""
    metadata = dict(template.get("metadata") or {})
    for field, names in (("labels", _OWN_LABELS), ("annotations", (RESTARTED,))):
        entries = {name: value for name, value in (metadata.get(field) or {}).items() if name not in names}
        metadata.pop(field, None)
        if entries:
            metadata[field] = entries
    metadata.pop("creationTimestamp", None)  # the API server writes it as null
    return {**template, "metadata": metadata}


def deployment_name(rollout: str, revision: str) -> str:
    """What a revision's Deployment is called."""
    return f"{rollout}-{revision}"


def own_labels(rollout: str, revision: str) -> dict[str, str]:
    """The labels that tell whose pods, and of which revision, something is."""
    return {ROLLOUT_LABEL: rollout, REVISION_LABEL: revision}


def deployment(key: Key, *, revision: str, template: Manifest, replicas: int, marks: dict[str, str]) -> Manifest:
    """The Deployment of a revision as it is created; later only `replicas` and marks change.

    It has no ownerReference: a foreground delete of the Rollout would kill what serves before traffic is given back.
    """
    labels = own_labels(key.name, revision)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": deployment_name(key.name, revision),
            "namespace": key.namespace,
            "labels": {**labels, "app.kubernetes.io/managed-by": MANAGER},
            "annotations": marks,
        },
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": labels},
            "template": _labelled(template, labels),
        },
    }


def renewed_at(deployment: Manifest) -> datetime | None:
    """When its pods were last asked to be new ones, by its creation or a restart; None where nothing tells."""
    restarted = (deployment["spec"]["template"]["metadata"].get("annotations") or {}).get(RESTARTED)
    found = []
    for stamp in (deployment["metadata"].get("creationTimestamp"), restarted):
        with suppress(ValueError):  # an annotation may hold anything
            found += [parse_time(stamp)] if stamp else []
    return max(found, default=None)


def _labelled(template: Manifest, labels: dict[str, str]) -> Manifest:
    metadata: dict[str, Any] = dict(template.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    return {**template, "metadata": metadata}


def images(template: Manifest) -> tuple[str, ...]:
    """The images of the template's containers."""
    return tuple(container.get("image", "") for container in (template.get("spec") or {}).get("containers") or ())


def with_annotations(manifest: Manifest, annotations: Mapping[str, str]) -> Manifest:
    """The manifest with exactly these annotations; without the field when there are none."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "annotations"}
    return {**manifest, "metadata": {**metadata, "annotations": {**annotations}} if annotations else metadata}
