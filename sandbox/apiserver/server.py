"""The API server: HTTP in front of the storage, with a record of every request and a seam for faults."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.apiserver import deletes, reads, scale, watch, writes
from sandbox.apiserver.backend import Backend, ClusterIps
from sandbox.apiserver.bodies import read_object
from sandbox.apiserver.call import Address, Call, parse, verb
from sandbox.apiserver.discovery import document
from sandbox.apiserver.records import WRITES, Fault, RequestRecord, Requests
from sandbox.apiserver.registry import Registry, Resource
from sandbox.apiserver.replies import Reply, failure, reply, unsupported_option
from sandbox.apiserver.reviews import Access, Authorize, review, virtual
from sandbox.apiserver.selectors import field_name
from sandbox.changes import encode
from sandbox.settings import Settings
from sandbox.storage import ApiError, Storage

Seam = Callable[[RequestRecord], Awaitable[Fault | None]]
_log = logging.getLogger(__name__)
_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_LARGEST_BODY = 3 * 1024 * 1024
_OPTIONS = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
_VERBS: dict[str, Callable[[Backend, Call], Reply]] = {
    "get": reads.get,
    "list": reads.list_objects,
    "create": writes.create,
    "update": writes.update,
    "patch": writes.patch,
    "delete": deletes.delete,
    "deletecollection": deletes.delete_collection,
}


class ApiServer:
    """Serves a storage on 127.0.0.1 while it is entered.

    `intercept` is asked before every request for a resource is executed, `after` once it has been, before it is
    answered; each may return a Fault, which then is the answer.
    """

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self.storage = storage
        self.settings = settings
        self.requests = Requests()
        self.access = Access()
        self.intercept: Seam | None = None
        self.after: Seam | None = None
        self.port = 0
        self._writes = count(1)
        self._watches: set[asyncio.Task[object]] = set()
        self._backend: Backend | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def users(self) -> dict[str, str]:
        """The users by their token. A request without a token is system:admin's."""
        return self.access.users

    @property
    def authorize(self) -> Authorize | None:
        """Who may do what: (user, verb, group, resource, subresource, namespace, name) -> bool; None allows all."""
        return self.access.authorize

    @authorize.setter
    def authorize(self, rule: Authorize | None) -> None:
        self.access.authorize = rule

    async def __aenter__(self) -> Self:
        """Start to serve."""
        _create_namespaces(self.storage)
        self._backend = Backend(self.storage, Registry(self.storage), ClusterIps(self.storage))
        server = web.Server(self._serve, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.settings.api_port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut every connection and stop."""
        self.cut_watches()
        if self._backend is not None:
            self._backend.registry.close()
            self._backend.addresses.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def write_kubeconfig(self, path: Path, *, token: str | None = None) -> Path:
        """Write a kubeconfig for this server (with a user's token, if given) and return its path."""
        name = "sandbox"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.url}}],
            "users": [{"name": name, "user": {"token": token} if token else {}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
            "current-context": name,
        }
        path.write_text(json.dumps(config, indent=1))
        return path

    def compact(self) -> None:
        """Forget the history: watches and continue tokens that begin before now are told 410."""
        self.storage.compact()

    def expire_watches(self) -> None:
        """Forget the history and end every open watch with an ERROR event that says 410."""
        self.storage.expire()

    def cut_watches(self) -> None:
        """Cut the connection of every open watch."""
        for task in tuple(self._watches):
            task.cancel()

    # One request

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            address = parse(request.path)
            if address is None:
                return self._about(request)
            return await self._resource(request, address)
        except ApiError as error:
            return _response(failure(error))
        except Exception:  # noqa: BLE001 - the boundary: one broken request must not take the server's form of answers
            _log.exception("%s %s failed", request.method, request.path)
            return _response(failure(ApiError(500, "InternalError", "an error on the server prevented the request")))

    def _about(self, request: web.BaseRequest) -> web.Response:
        if request.path in ("/healthz", "/readyz", "/livez"):
            return web.Response(text="ok")
        assert self._backend is not None
        found = document(self._backend.registry, request.path, request.headers.get("Accept", ""))
        if found is None:
            raise _unknown()
        return web.Response(body=encode(found[0]), headers={"Content-Type": found[1]})

    async def _resource(self, request: web.BaseRequest, address: Address) -> web.StreamResponse:
        backend = self._backend
        assert backend is not None
        record = await self._record(request, address)
        self.requests.append(record)
        if fault := await self.intercept(record) if self.intercept else None:
            return await _suffer(request, fault)
        self.access.check(record, record.name or field_name(record.query.get("fieldSelector", "")) or "")
        resource = backend.registry.find(address.group, address.version, address.plural)
        if resource is None:
            return _response(self._review(record))
        call = Call(record, resource, request.headers.get("Accept", ""))
        if record.verb == "watch":
            return await self._watch(request, backend, call)
        answer = _execute(backend, call)
        if fault := await self.after(record) if self.after else None:
            return await _suffer(request, fault)
        return _response(answer)

    async def _record(self, request: web.BaseRequest, address: Address) -> RequestRecord:
        user = self.access.identify(request.headers.get("Authorization", ""))
        asked = verb(request.method, address.name, request.query)
        if not asked or (asked in ("update", "patch") and not address.name):
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        if request.query.get("dryRun", "All") != "All":
            raise unsupported_option(
                _OPTIONS.get(asked, "DeleteOptions"), "dryRun", [request.query["dryRun"]], ("All",)
            )
        body = await request.read()
        if len(body) > _LARGEST_BODY:
            raise ApiError(413, "RequestEntityTooLarge", f"the body is larger than {_LARGEST_BODY} bytes")
        return RequestRecord(
            user_agent=request.headers.get("User-Agent", ""),
            user=user,
            verb=asked,
            group=address.group,
            version=address.version,
            plural=address.plural,
            subresource=address.subresource,
            namespace=address.namespace,
            name=address.name,
            number=next(self._writes) if asked in WRITES else None,
            content_type=request.headers.get("Content-Type", ""),
            query=dict(request.query),
            body=body,
        )

    def _review(self, record: RequestRecord) -> Reply:
        resource = virtual(record.group, record.version, record.plural)
        if resource is None or record.verb != "create":
            raise _unknown()
        asked = read_object(record.content_type, record.body)
        return reply(review(self.access, resource, record.user, asked), 201)

    async def _watch(self, request: web.BaseRequest, backend: Backend, call: Call) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        try:
            opened = watch.opened(backend, call)
        except ApiError as error:
            if error.status != 410 or not self.settings.gone_as_event:
                raise
            await response.prepare(request)
            await response.write(watch.expired_line())
            return response
        task = asyncio.current_task()
        assert task is not None
        self._watches.add(task)
        try:
            await response.prepare(request)
            with suppress(ConnectionResetError):
                async for data in watch.lines(opened, lambda: self.storage.version, self.settings.bookmark_interval):
                    await response.write(data)
        finally:
            self._watches.discard(task)
            opened.feed.close()
        return response


def _create_namespaces(storage: Storage) -> None:
    for name in _NAMESPACES:
        if storage.record("namespaces", None, name) is None:
            labels = {"kubernetes.io/metadata.name": name}
            status = {"phase": "Active"}
            spec = {"finalizers": ["kubernetes"]}
            storage.create("namespaces", {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status})


def _execute(backend: Backend, call: Call) -> Reply:
    subresource = call.record.subresource
    if subresource and subresource not in call.resource.subresources:
        raise _unknown()
    if subresource == "scale":
        return scale.scale(backend, call)
    return _VERBS[call.record.verb](backend, call)


def _unknown() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def _response(answer: Reply) -> web.Response:
    headers = [("Content-Type", answer.content_type), *answer.headers]
    return web.Response(status=answer.status, body=answer.body, headers=headers)


async def _suffer(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    """Do what the fault says; a cut connection has no answer."""
    if fault.hang:
        await asyncio.Event().wait()
    if fault.cut:
        if request.transport is not None:
            request.transport.abort()
        raise asyncio.CancelledError
    error = ApiError(fault.status, fault.reason, fault.message)
    return _response(failure(error, retry_after=fault.retry_after))


__all__ = ["ApiServer", "Resource", "Seam"]
