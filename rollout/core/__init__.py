"""Decisions: pure functions from what the cluster looks like to what it should look like."""
