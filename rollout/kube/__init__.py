"""The only place that talks to the cluster: bytes in, bytes out, and a cache of them."""
