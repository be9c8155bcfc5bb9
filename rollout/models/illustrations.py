"""One small example of each resource, as the reference shows it."""

from collections.abc import Mapping

_ROLLOUT = """
apiVersion: progressive.delivery/v1alpha1
kind: Rollout
metadata:
  name: shop
  namespace: store
spec:
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  services:
  - name: shop
  traffic:
  - name: public
    gatewayRoute: {kind: HTTPRoute, name: shop}
  strategy:
    canary:
      steps:
      - {weight: 5, hold: {for: 5m}}
      - {weight: 25, hold: {for: 2m, until: [{evidence: {}}], atMost: 30m}}
      - {name: half, weight: 50, hold: {until: [{approval: {}}]}}
      bake: {for: 10m}
  analysis:
    checks:
    - name: errors
      ratio:
        bad: requests_total{namespace="{{namespace}}",pod=~"{{pods}}",code=~"5.."}
        total: requests_total{namespace="{{namespace}}",pod=~"{{pods}}"}
      ceiling: 1
    - name: restarts
      restarts: {max: 0}
"""

_TEMPLATE_SPEC = """\
spec:
  args:
  - name: job
  - {name: path, value: /}
  checks:
  - name: errors
    ratio:
      bad: requests_total{job="{{args.job}}",path="{{args.path}}",pod=~"{{pods}}",code=~"5.."}
      total: requests_total{job="{{args.job}}",path="{{args.path}}",pod=~"{{pods}}"}
    ceiling: 1
"""

_RUN = """
apiVersion: progressive.delivery/v1alpha1
kind: RolloutRun
metadata:
  name: shop-7
  namespace: store
spec:
  rollout: shop
  number: 7
  revision: a31d05c7b9
  stable: 7c9f14d2e8
  template:
    spec:
      containers:
      - {name: shop, image: 'shop:v2'}
  steps:
  - {name: step-1, weight: 5, hold: {for: 5m}}
  - {name: full, weight: 100}
status:
  outcome: promoted
  message: shop:v2 is the stable version.
  startedAt: '2026-03-01T12:00:00.000Z'
  endedAt: '2026-03-01T12:20:00.000Z'
  steps:
  - {name: step-1, weight: 5, at: '2026-03-01T12:00:04.000Z'}
  - {name: full, weight: 100, at: '2026-03-01T12:05:07.000Z'}
"""


def _template(kind: str, metadata: str) -> str:
    return f"apiVersion: progressive.delivery/v1alpha1\nkind: {kind}\nmetadata:\n{metadata}{_TEMPLATE_SPEC}"


EXAMPLES: Mapping[str, str] = {
    "Rollout": _ROLLOUT.lstrip(),
    "AnalysisTemplate": _template("AnalysisTemplate", "  name: web\n  namespace: store\n"),
    "ClusterAnalysisTemplate": _template("ClusterAnalysisTemplate", "  name: web\n"),
    "RolloutRun": _RUN.lstrip(),
}
"""The YAML of one object by its kind."""
