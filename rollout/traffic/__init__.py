"""Routers: pure functions from manifests to manifests that move traffic between two versions."""
