"""Reading the bodies of requests."""

from typing import Any

import msgspec
import yaml

from sandbox.apiserver import protobuf
from sandbox.apiserver.replies import bad_request, unsupported_media
from sandbox.changes import Object, decode

_JSON = ("application/json", "")
_YAML = ("application/yaml", "application/apply-patch+yaml")


def media_type(content_type: str) -> str:
    """Return a Content-Type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def read_object(content_type: str, body: bytes) -> Object:
    """Return the object in a body of JSON, YAML or (some kinds) protobuf; raises 400 and 415."""
    media = media_type(content_type)
    if media == protobuf.MEDIA_TYPE:
        return protobuf.decode_object(body)
    if media not in (*_JSON, *_YAML):
        raise unsupported_media(media, (*_JSON[:1], *_YAML[:1]))
    value = read_any(body)
    if not isinstance(value, dict):
        raise bad_request("the object provided is unrecognized (must be of type object)")
    return value


def read_any(body: bytes) -> Any:
    """Return what a body of JSON or YAML says; raises 400."""
    try:
        return decode(body)
    except msgspec.DecodeError:
        return _yaml(body)


def _yaml(body: bytes) -> Any:
    try:
        return yaml.safe_load(body)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise bad_request(f"error decoding the body: {error}") from error


def read_options(body: bytes) -> Object:
    """Return the DeleteOptions in a body, {} if it is empty; raises 400."""
    value = read_any(body) if body.strip() else {}
    if not isinstance(value, dict):
        raise bad_request("error decoding DeleteOptions")
    return value
