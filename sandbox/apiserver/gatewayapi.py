"""The Gateway API as schemas: our own models of the fields in use, with the defaults and bounds of the real CRDs."""

from typing import Any

from sandbox.changes import Object

GatewaySchema = Object

_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
_ROUTE_FILTERS = ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef")
_HTTP_FILTERS = (*_ROUTE_FILTERS, "RequestRedirect", "URLRewrite", "CORS")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


def _object(required: tuple[str, ...] = (), /, **properties: Any) -> Object:
    node: Object = {"type": "object", "properties": properties}
    return {**node, "required": list(required)} if required else node


def _list(items: Object, most: int, *, key: str = "", least: int = 0) -> Object:
    node: Object = {"type": "array", "items": items, "maxItems": most}
    if least:
        node["minItems"] = least
    if key:
        node |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return node


def _text(most: int = 253, *, default: str | None = None, **more: Any) -> Object:
    node: Object = {"type": "string", "maxLength": most, **more}
    return node if default is None else {**node, "default": default}


def _integer(low: int, high: int, **more: Any) -> Object:
    return {"type": "integer", "format": "int32", "minimum": low, "maximum": high, **more}


def _one_of(*values: str, **more: Any) -> Object:
    return {"type": "string", "enum": list(values), **more}


_PORT = _integer(1, 65535)
_OPEN: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_CONDITIONS = _list(
    _object(
        ("type", "status", "lastTransitionTime", "reason", "message"),
        type=_text(316),
        status=_one_of("True", "False", "Unknown"),
        observedGeneration={"type": "integer", "format": "int64", "minimum": 0},
        lastTransitionTime={"type": "string", "format": "date-time"},
        reason=_text(1024, minLength=1),
        message=_text(32768),
    ),
    8,
    key="type",
)
_PARENT_REF = _object(
    ("name",),
    group=_text(default="gateway.networking.k8s.io"),
    kind=_text(63, default="Gateway"),
    namespace=_text(63, pattern=_LABEL),
    name=_text(253, minLength=1),
    sectionName=_text(253, pattern=_NAME),
    port=_PORT,
)
_SERVICE_PORT = {
    "rule": "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
    "message": "Must have port for Service reference",
}


def _backend(**more: Any) -> Object:
    node = _object(
        ("name",),
        group=_text(default=""),
        kind=_text(63, default="Service"),
        name=_text(253, minLength=1),
        namespace=_text(63, pattern=_LABEL),
        port=_PORT,
        **more,
    )
    return {**node, "x-kubernetes-validations": [_SERVICE_PORT]}


def _header_modifier() -> Object:
    header = _object(("name", "value"), name=_text(256, minLength=1), value=_text(4096, minLength=1))
    return _object(
        set=_list(header, 16, key="name"),
        add=_list(header, 16, key="name"),
        remove={**_list({"type": "string"}, 16), "x-kubernetes-list-type": "set"},
    )


def _mirror() -> Object:
    node = _object(
        ("backendRef",),
        backendRef=_backend(),
        percent=_integer(0, 100),
        fraction=_object(
            ("numerator",),
            numerator={"type": "integer", "format": "int32", "minimum": 0},
            denominator={"type": "integer", "format": "int32", "minimum": 1, "default": 100},
        ),
    )
    rule = {
        "rule": "!(has(self.percent) && has(self.fraction))",
        "message": "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter",
    }
    return {**node, "x-kubernetes-validations": [rule]}


def _path_modifier() -> Object:
    return _object(
        ("type",),
        type=_one_of("ReplaceFullPath", "ReplacePrefixMatch"),
        replaceFullPath=_text(1024),
        replacePrefixMatch=_text(1024),
    )


def _filters(types: tuple[str, ...]) -> Object:
    redirect = _object(
        scheme=_one_of("http", "https"),
        hostname=_text(253),
        path=_path_modifier(),
        port=_PORT,
        statusCode={"type": "integer", "enum": [301, 302, 303, 307, 308], "default": 302},
    )
    node = _object(
        ("type",),
        type=_one_of(*types),
        requestHeaderModifier=_header_modifier(),
        responseHeaderModifier=_header_modifier(),
        requestMirror=_mirror(),
        extensionRef=_object(("group", "kind", "name"), group=_text(), kind=_text(63), name=_text()),
    )
    if "URLRewrite" in types:
        rewrite = _object(hostname=_text(253), path=_path_modifier())
        node["properties"] |= {"requestRedirect": redirect, "urlRewrite": rewrite, "cors": _OPEN}
    return _list(node, 16)


def _header_match(most: int) -> Object:
    node = _object(
        ("name", "value"),
        type=_one_of("Exact", "RegularExpression", default="Exact"),
        name=_text(256, minLength=1),
        value=_text(most, minLength=1),
    )
    return _list(node, 16, key="name")


def _weighted(types: tuple[str, ...]) -> Object:
    return _list(_backend(weight=_integer(0, 1_000_000, default=1), filters=_filters(types)), 16)


def _http_rule() -> Object:
    path = _object(
        type=_one_of("Exact", "PathPrefix", "RegularExpression", default="PathPrefix"),
        value=_text(1024, default="/"),
    )
    prefix = {"type": "PathPrefix", "value": "/"}
    match = _object(
        path={**path, "default": prefix},
        headers=_header_match(4096),
        queryParams=_header_match(1024),
        method=_one_of(*_METHODS),
    )
    return _object(
        name=_text(253, pattern=_NAME),
        matches={**_list(match, 64), "default": [{"path": prefix}]},
        filters=_filters(_HTTP_FILTERS),
        backendRefs=_weighted(_HTTP_FILTERS),
        timeouts=_object(request=_text(32, pattern=_DURATION), backendRequest=_text(32, pattern=_DURATION)),
        retry=_OPEN,
        sessionPersistence=_OPEN,
    )


def _grpc_rule() -> Object:
    method = _object(
        type=_one_of("Exact", "RegularExpression", default="Exact"),
        service=_text(1024),
        method=_text(1024),
    )
    return _object(
        name=_text(253, pattern=_NAME),
        matches=_list(_object(method=method, headers=_header_match(4096)), 64),
        filters=_filters(_ROUTE_FILTERS),
        backendRefs=_weighted(_ROUTE_FILTERS),
        sessionPersistence=_OPEN,
    )


def _route(rule: Object, **more: Any) -> Object:
    parent = _object(
        ("parentRef", "controllerName", "conditions"),
        parentRef=_PARENT_REF,
        controllerName=_text(253, minLength=1),
        conditions=_CONDITIONS,
    )
    spec = _object(
        parentRefs=_list(_PARENT_REF, 32),
        hostnames=_list(_text(253, minLength=1), 16),
        rules={**_list(rule, 16), **more},
        useDefaultGateways=_one_of("All", "None"),
    )
    return _object(("spec",), spec=spec, status=_object(("parents",), parents=_list(parent, 32)))


def _pending(*types: str) -> Object:
    """Return the status that Gateways have until a controller has seen them."""
    waiting = {
        "status": "Unknown",
        "reason": "Pending",
        "message": "Waiting for controller",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }
    return {"conditions": [{"type": type_, **waiting} for type_ in types]}


def _gateway_class() -> Object:
    spec = _object(
        ("controllerName",),
        controllerName=_text(253, minLength=1),
        description=_text(64),
        parametersRef=_object(
            ("group", "kind", "name"), group=_text(), kind=_text(63), name=_text(), namespace=_text(63)
        ),
    )
    features = _list(_object(("name",), name=_text()), 64, key="name")
    status = _object(conditions=_CONDITIONS, supportedFeatures=features)
    return _object(("spec",), spec=spec, status={**status, "default": _pending("Accepted")})


def _listener() -> Object:
    selector = _object(from_=_one_of("All", "Selector", "Same", "None", default="Same"), selector=_OPEN)
    selector["properties"]["from"] = selector["properties"].pop("from_")
    kinds = _list(_object(("kind",), group=_text(default="gateway.networking.k8s.io"), kind=_text(63)), 8)
    allowed = _object(namespaces={**selector, "default": {"from": "Same"}}, kinds=kinds)
    secret = _object(
        ("name",), group=_text(default=""), kind=_text(63, default="Secret"), name=_text(), namespace=_text(63)
    )
    tls = _object(
        mode=_one_of("Terminate", "Passthrough", default="Terminate"),
        certificateRefs=_list(secret, 64),
        options=_STRINGS,
    )
    return _object(
        ("name", "port", "protocol"),
        name=_text(253, minLength=1, pattern=_NAME),
        hostname=_text(253, minLength=1),
        port=_PORT,
        protocol=_text(255, minLength=1),
        tls=tls,
        allowedRoutes={**allowed, "default": {"namespaces": {"from": "Same"}}},
    )


def _gateway() -> Object:
    address = _object(type=_text(253, default="IPAddress"), value=_text(253))
    spec = _object(
        ("gatewayClassName", "listeners"),
        gatewayClassName=_text(253, minLength=1),
        listeners=_list(_listener(), 64, key="name", least=1),
        addresses=_list(address, 16),
        infrastructure=_OPEN,
    )
    listener = _object(
        ("name", "attachedRoutes", "conditions"),
        name=_text(253),
        attachedRoutes={"type": "integer", "format": "int32"},
        supportedKinds=_list(_object(("kind",), group=_text(), kind=_text(63)), 8),
        conditions=_CONDITIONS,
    )
    status = _object(
        addresses=_list(address, 16),
        conditions=_CONDITIONS,
        listeners=_list(listener, 64, key="name"),
    )
    return _object(("spec",), spec=spec, status={**status, "default": _pending("Accepted", "Programmed")})


def _reference_grant() -> Object:
    source = _object(("group", "kind", "namespace"), group=_text(), kind=_text(63), namespace=_text(63))
    target = _object(("group", "kind"), group=_text(), kind=_text(63), name=_text())
    return _object(
        ("spec",),
        spec=_object(("from", "to"), **{"from": _list(source, 16, least=1)}, to=_list(target, 16, least=1)),
    )


SCHEMAS: dict[str, Object] = {
    "gatewayclasses": _gateway_class(),
    "gateways": _gateway(),
    "httproutes": _route(_http_rule(), default=[{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]),
    "grpcroutes": _route(_grpc_rule()),
    "referencegrants": _reference_grant(),
}
