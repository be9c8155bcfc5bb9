"""A Kubernetes API server over HTTP on the sandbox's storage."""

from sandbox.apiserver.records import CUT, HANG, Fault, RequestRecord, Requests
from sandbox.apiserver.server import ApiServer

__all__ = ["CUT", "HANG", "ApiServer", "Fault", "RequestRecord", "Requests"]
