"""What this machine lacks, in one line each that says how to have it; the summary counts what is left out for it."""

PROMETHEUS = "Prometheus is not on the PATH: install it (Debian: apt-get install prometheus)"
KUBECTL = "kubectl is not on the PATH: install it, or put the one that `make controlplane` builds there"
