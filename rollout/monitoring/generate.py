"""`python -m rollout.monitoring.generate` writes `deploy/monitoring/` and `docs/alerts.md`; `--check` compares them."""

import json
import sys
from collections.abc import Mapping
from typing import Final

from rollout.models.generate import as_yaml, write
from rollout.monitoring.grafana import dashboard
from rollout.monitoring.rules import PAGE, groups, page, prometheus_rule

_FOLDER: Final = "deploy/monitoring"
_HEADER: Final = "# Generated from rollout/monitoring by `make monitoring`. Do not edit.\n"
_KUSTOMIZATION: Final = {
    "apiVersion": "kustomize.config.k8s.io/v1beta1",
    "kind": "Kustomization",
    "resources": ["prometheusrule.yaml"],
    # Grafana's sidecar takes dashboards from every ConfigMap that has this label.
    "configMapGenerator": [{"name": "progressive-delivery-dashboard", "files": ["canary-analysis.json"]}],
    "generatorOptions": {"disableNameSuffixHash": True, "labels": {"grafana_dashboard": "1"}},
}


def files() -> Mapping[str, str]:
    """What is generated: the text of each file by its path in the repository."""
    documents = {"rules": groups(), "prometheusrule": prometheus_rule(), "kustomization": _KUSTOMIZATION}
    return {
        **{f"{_FOLDER}/{name}.yaml": _HEADER + as_yaml(value) for name, value in documents.items()},
        f"{_FOLDER}/canary-analysis.json": json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n",
        PAGE: page(),
    }


if __name__ == "__main__":
    sys.exit(write(files(), sys.argv[1:], about=__doc__ or "", command="make monitoring"))
