"""What a client asked of the API server (or of a metrics endpoint), as a value that rules can be matched against."""

from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_HOP_BY_HOP = frozenset({"connection", "host", "keep-alive", "transfer-encoding", "content-length", "accept-encoding"})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request. `verb` is Kubernetes' own (list, watch, get, create, update, patch, delete), also outside of it.

    Resource, namespace, name and subresource are empty where the path is not one of the Kubernetes API.
    """

    verb: str
    method: str
    target: str  # path and query as they stand in the request line
    path: str
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # those to be forwarded
    body: bytes = b""

    @classmethod
    async def of(cls, request: web.BaseRequest) -> Self:
        """Read the whole request."""
        plural, namespace, name, subresource = _address(request.path)
        return cls(
            verb=_verb(request, one=bool(name)),
            method=request.method,
            target=request.raw_path,
            path=request.path,
            plural=plural,
            namespace=namespace,
            name=name,
            subresource=subresource,
            headers=tuple((key, value) for key, value in request.headers.items() if key.lower() not in _HOP_BY_HOP),
            body=await request.read(),
        )

    @property
    def agent(self) -> str:
        """The User-Agent, empty if none."""
        return self._header("user-agent")

    @property
    def token(self) -> str:
        """The bearer token, empty if none."""
        return self._header("authorization").removeprefix("Bearer ")

    @property
    def write(self) -> bool:
        """Whether it asks for a change."""
        return self.verb in _VERBS.values()

    def _header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


def _verb(request: web.BaseRequest, *, one: bool) -> str:
    if request.method in _VERBS:
        return _VERBS[request.method]
    if request.query.get("watch") in {"true", "1"}:
        return "watch"
    return "get" if one else "list"


def _address(path: str) -> tuple[str, str, str, str]:
    """(plural, namespace, name, subresource) of an /api/... or /apis/... path."""
    parts = path.strip("/").split("/")
    rest = parts[{"api": 2, "apis": 3}.get(parts[0], len(parts)) :]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *_ = [*rest, "", "", ""]
    return plural, namespace, name, subresource
