"""The dashboard: pages that are drawn in the browser from the REST API and its events."""
