"""The sandbox's Gateway controller: `run` with a real Envoy, `virtual.run` with none."""

from sandbox.gateway import virtual
from sandbox.gateway.proxy import Gateway, run, service_url

__all__ = ["Gateway", "run", "service_url", "virtual"]
