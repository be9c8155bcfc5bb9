"""A load generator of its own process: `python -m sandbox.load --help`. It reaches loopback addresses only."""
