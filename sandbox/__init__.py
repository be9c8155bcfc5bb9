"""A small Kubernetes cluster in one process tree, for the demo and the tests. It imports nothing of the controller."""
