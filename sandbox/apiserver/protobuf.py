"""The protobuf of kubectl's imperative commands (`kubectl create deployment`, `kubectl auth can-i`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.apiserver.replies import bad_request, unsupported_media
from sandbox.changes import Object

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Field numbers of the generated.proto files, as far as kubectl fills them. A type is text, number, flag, the name of
# another message, `map` of texts, or one of these in a list.
_MESSAGES: Mapping[str, Mapping[int, tuple[str, str]]] = {
    "Unknown": {1: ("typeMeta", "TypeMeta"), 2: ("raw", "raw")},
    "TypeMeta": {1: ("apiVersion", "text"), 2: ("kind", "text")},
    "ObjectMeta": {
        1: ("name", "text"),
        2: ("generateName", "text"),
        3: ("namespace", "text"),
        11: ("labels", "map"),
        12: ("annotations", "map"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta")},
    "ServiceAccount": {1: ("metadata", "ObjectMeta")},
    "ConfigMap": {1: ("metadata", "ObjectMeta"), 2: ("data", "map"), 4: ("immutable", "flag")},
    "Service": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ServiceSpec")},
    "ServiceSpec": {
        1: ("ports", "[ServicePort]"),
        2: ("selector", "map"),
        3: ("clusterIP", "text"),
        4: ("type", "text"),
        10: ("externalName", "text"),
    },
    "ServicePort": {
        1: ("name", "text"),
        2: ("protocol", "text"),
        3: ("port", "number"),
        4: ("targetPort", "IntOrString"),
        6: ("appProtocol", "text"),
    },
    "IntOrString": {1: ("type", "number"), 2: ("number", "number"), 3: ("text", "text")},
    "Deployment": {1: ("metadata", "ObjectMeta"), 2: ("spec", "DeploymentSpec")},
    "DeploymentSpec": {
        1: ("replicas", "number"),
        2: ("selector", "LabelSelector"),
        3: ("template", "PodTemplateSpec"),
        5: ("minReadySeconds", "number"),
        7: ("paused", "flag"),
    },
    "LabelSelector": {1: ("matchLabels", "map")},
    "PodTemplateSpec": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "PodSpec": {2: ("containers", "[Container]"), 3: ("restartPolicy", "text"), 8: ("serviceAccountName", "text")},
    "Container": {
        1: ("name", "text"),
        2: ("image", "text"),
        3: ("command", "[text]"),
        4: ("args", "[text]"),
        6: ("ports", "[ContainerPort]"),
        7: ("env", "[EnvVar]"),
    },
    "ContainerPort": {1: ("name", "text"), 3: ("containerPort", "number"), 4: ("protocol", "text")},
    "EnvVar": {1: ("name", "text"), 2: ("value", "text")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta")},
    "SelfSubjectAccessReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "AccessSpec")},
    "AccessSpec": {1: ("resourceAttributes", "ResourceAttributes"), 2: ("nonResourceAttributes", "PathAttributes")},
    "ResourceAttributes": {
        1: ("namespace", "text"),
        2: ("verb", "text"),
        3: ("group", "text"),
        4: ("version", "text"),
        5: ("resource", "text"),
        6: ("subresource", "text"),
        7: ("name", "text"),
    },
    "PathAttributes": {1: ("path", "text"), 2: ("verb", "text")},
}
_ENVELOPES = frozenset({"Unknown", "TypeMeta"})


def decode_object(body: bytes) -> Object:
    """Return the object in a body; raises 400 if it is malformed and 415 for kinds that are not known here."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body is not a Kubernetes protobuf message")
    try:
        envelope = _message("Unknown", body[len(_MAGIC) :])
        type_ = envelope.get("typeMeta", {})
        kind = type_.get("kind", "")
        if kind in _ENVELOPES or kind not in _MESSAGES:
            raise unsupported_media(f"{MEDIA_TYPE} of a {kind}", ("application/json",))
        return {**type_, **_message(kind, envelope.get("raw", b""))}
    except (IndexError, UnicodeDecodeError) as error:
        raise bad_request(f"the body is malformed: {error}") from error


def _message(name: str, data: bytes) -> Object:
    known, result = _MESSAGES[name], Object()
    for number, value in _fields(data):
        if number in known:
            _put(result, *known[number], value)
    return result


def _put(result: Object, field: str, type_: str, value: Any) -> None:
    """Set one field. Go writes absent values as zeros, so zeros are left out, but for a count that may be zero."""
    if type_.startswith("["):
        result.setdefault(field, []).append(_value(type_[1:-1], value))
    elif type_ == "map":
        pair = dict(_fields(value))
        result.setdefault(field, {})[pair.get(1, b"").decode()] = pair.get(2, b"").decode()
    else:
        decoded = _value(type_, value)
        if decoded or field == "replicas":
            result[field] = decoded


def _value(type_: str, value: Any) -> Any:
    if type_ == "text":
        return value.decode()
    if type_ == "flag":
        return bool(value)
    if type_ in ("number", "raw"):
        return value
    decoded = _message(type_, value)
    if type_ == "IntOrString":
        return decoded.get("text") if decoded.get("type") else decoded.get("number")
    return decoded


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise bad_request(f"the body has a field of wire type {wire}")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
