"""A real Kubernetes control plane for tests and bench, built from Go modules; it knows nothing of the controller."""
