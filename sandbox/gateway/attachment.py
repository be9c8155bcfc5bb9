"""Which Gateways a route hangs on and which of its backends exist, as the Gateway API says; pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.gateway.matches import unsupported
from sandbox.kinds import GATEWAY_GROUP
from sandbox.reading import ObjectKey, key_of
from sandbox.storage import Object

ANY_HOST = "*"
_METADATA_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """One parentRef of a route that names a Gateway of ours.

    `reason` is that of the condition Accepted; `hostnames` are those the route serves there ("*" = every one), none
    unless accepted.
    """

    parent: Object
    gateway: ObjectKey
    listeners: tuple[str, ...]
    reason: str
    hostnames: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the route is served there."""
        return self.reason == "Accepted"


@dataclass(frozen=True)
class Problem:
    """Why a backendRef does not resolve: the reason of the condition ResolvedRefs, and a sentence."""

    reason: str
    message: str


def by_name(objects: Iterable[Object]) -> dict[ObjectKey, Object]:
    """Return the objects by namespace and name."""
    return {key_of(obj): obj for obj in objects}


def attachments(route: Object, gateways: Mapping[ObjectKey, Object]) -> tuple[Attachment, ...]:
    """Return one Attachment per parentRef that names one of `gateways`; other parents are not ours to judge."""
    return tuple(
        _attachment(route, ref, gateways[key])
        for ref in route["spec"].get("parentRefs") or ()
        if (key := _parent(route, ref)) is not None and key in gateways
    )


def backend_refs(route: Object) -> Iterator[Object]:
    """Yield every backendRef of every rule."""
    for rule in route["spec"].get("rules") or ():
        yield from rule.get("backendRefs") or ()


def backend_name(route: Object, ref: Object) -> ObjectKey:
    """Return namespace and name of the Service a backendRef names."""
    return ref.get("namespace") or key_of(route)[0], ref["name"]


def problem(
    route: Object, ref: Object, *, service_of: Callable[[ObjectKey], Object | None], grants: Iterable[Object]
) -> Problem | None:
    """Return why a backendRef does not resolve, None if it does; `service_of` finds a Service."""
    namespace, name = backend_name(route, ref)
    where = f"{namespace}/{name}"
    if ref.get("group") or ref.get("kind", "Service") != "Service":
        return Problem("InvalidKind", f"backend {where} is a {ref.get('kind')}; only Services are served")
    if namespace != key_of(route)[0] and not _granted(route, (namespace, name), grants):
        return Problem("RefNotPermitted", f"no ReferenceGrant in {namespace} lets this route name Service {where}")
    service = service_of((namespace, name))
    if service is None:
        return Problem("BackendNotFound", f"Service {where} does not exist")
    if all(port["port"] != ref.get("port") for port in service["spec"].get("ports") or ()):
        return Problem("BackendNotFound", f"Service {where} has no port {ref.get('port')}")
    return None


def _parent(route: Object, ref: Object) -> ObjectKey | None:
    if ref.get("group", GATEWAY_GROUP) != GATEWAY_GROUP or ref.get("kind", "Gateway") != "Gateway":
        return None
    return ref.get("namespace") or key_of(route)[0], ref["name"]


def _attachment(route: Object, ref: Object, gateway: Object) -> Attachment:
    named = [listener for listener in gateway["spec"].get("listeners") or () if _is_named(ref, listener)]
    allowing = [listener for listener in named if _allows(listener, route, key_of(gateway)[0])]
    served_by = allowing if unsupported(route) is None else []
    hostnames = {listener["name"]: _hostnames(listener, route) for listener in served_by}
    served = tuple(dict.fromkeys(host for hosts in hostnames.values() for host in hosts))
    return Attachment(
        parent=ref,
        gateway=key_of(gateway),
        listeners=tuple(name for name, hosts in hostnames.items() if hosts),
        reason=_reason(named, allowing, served_by, served),
        hostnames=served,
    )


def _reason(
    named: Sequence[Object], allowing: Sequence[Object], served_by: Sequence[Object], hostnames: Sequence[str]
) -> str:
    if not named:
        return "NoMatchingParent"
    if not allowing:
        return "NotAllowedByListeners"
    if not served_by:
        return "UnsupportedValue"
    return "Accepted" if hostnames else "NoMatchingListenerHostname"


def _is_named(ref: Object, listener: Object) -> bool:
    return ref.get("sectionName") in (None, listener["name"]) and ref.get("port") in (None, listener["port"])


def _allows(listener: Object, route: Object, gateway_namespace: str) -> bool:
    allowed = listener.get("allowedRoutes") or {}
    kinds = [kind["kind"] for kind in allowed.get("kinds") or ()]
    if listener.get("protocol", "HTTP") != "HTTP" or (kinds and route["kind"] not in kinds):
        return False
    return _allows_namespace(allowed.get("namespaces") or {}, key_of(route)[0], gateway_namespace)


def _allows_namespace(namespaces: Object, namespace: str, gateway_namespace: str) -> bool:
    match namespaces.get("from", "Same"):
        case "All":
            return True
        case "Selector":
            # The sandbox's namespaces carry one label only, the one every cluster gives them.
            selector = namespaces.get("selector") or {}
            return bool(selector == {"matchLabels": {_METADATA_NAME: namespace}})
        case _:
            return namespace == gateway_namespace


def _hostnames(listener: Object, route: Object) -> tuple[str, ...]:
    wanted = route["spec"].get("hostnames") or [ANY_HOST]
    common = (_common_host(listener.get("hostname") or ANY_HOST, host) for host in wanted)
    return tuple(host.lower() for host in common if host)


def _common_host(one: str, other: str) -> str | None:
    if covers(one, other):
        return other
    return one if covers(other, one) else None


def covers(pattern: str, host: str) -> bool:
    """Whether every name that `host` stands for (itself maybe a wildcard) is one of `pattern`'s."""
    if pattern in (ANY_HOST, host):
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:])


def _granted(route: Object, target: ObjectKey, grants: Iterable[Object]) -> bool:
    namespace, name = target
    return any(
        _allows_from(grant, route) and _allows_to(grant, name)
        for grant in grants
        if grant["metadata"]["namespace"] == namespace
    )


def _allows_from(grant: Object, route: Object) -> bool:
    wanted = {"group": GATEWAY_GROUP, "kind": route["kind"], "namespace": key_of(route)[0]}
    return wanted in (grant["spec"].get("from") or ())


def _allows_to(grant: Object, name: str) -> bool:
    return any(
        not to.get("group") and to["kind"] == "Service" and to.get("name") in (None, "", name)
        for to in grant["spec"].get("to") or ()
    )
