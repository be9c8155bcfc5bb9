"""What the controller costs and how fast it is, measured: `make bench`."""
