"""From the body of a request to an object that may be stored: shaped, defaulted, validated."""

from dataclasses import dataclass

from sandbox.apiserver.builtin import model_schema
from sandbox.apiserver.checks import check, check_meta
from sandbox.apiserver.defaults import fill_defaults
from sandbox.apiserver.registry import Resource
from sandbox.apiserver.replies import Problem, bad_request, invalid
from sandbox.apiserver.schema import MISSING, Schema
from sandbox.apiserver.shape import fill, prune
from sandbox.apiserver.validation import validate
from sandbox.changes import Object

_METADATA_ONLY = Schema(type="object", children=lambda: {"metadata": model_schema("V1ObjectMeta")})


@dataclass(frozen=True)
class Admitted:
    """An object fit to be stored, and what the client should be warned of."""

    object: Object
    warnings: tuple[str, ...]


def shape(resource: Resource, obj: Object, strictness: str, old: Object | None = None) -> Admitted:
    """Check the type, remove unknown fields and set defaults, in place; raises 400.

    `strictness` is the fieldValidation of the request: Strict refuses unknown fields, Warn names them. What `old` has
    already need not be checked again.
    """
    _check_type(resource, obj)
    if obj.get("metadata") is None:
        obj["metadata"] = {}
    unknown = prune(resource.schema, obj)
    listed = ", ".join(f'unknown field "{path}"' for path in unknown)
    if unknown and strictness == "Strict":
        raise bad_request(f"{_cannot(resource)}: strict decoding error: {listed}")
    _check_types(resource, obj, old)
    if not resource.kind.custom:
        fill_defaults(resource.kind.plural, obj)
    fill(resource.schema, obj)
    warns = strictness in ("", "Warn")
    return Admitted(obj, tuple(f'unknown field "{path}"' for path in unknown) if warns else ())


def _cannot(resource: Resource) -> str:
    kind = resource.kind.kind
    return f'{kind} in version "{resource.version}" cannot be handled as a {kind}'


def _check_type(resource: Resource, obj: Object) -> None:
    given = (obj.get("apiVersion") or resource.api_version, obj.get("kind") or resource.kind.kind)
    if given != (resource.api_version, resource.kind.kind):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind.kind}): "
            f"{given[1]} in version {given[0]} at {resource.api_version}"
        )
    obj["apiVersion"], obj["kind"] = given


def _check_types(resource: Resource, obj: Object, old: Object | None) -> None:
    """What is decoded into Go types is a bad request if a type is wrong: built-in kinds, and the metadata of all."""
    schema = _METADATA_ONLY if resource.kind.custom else resource.schema
    wrong = next(validate(schema, obj, MISSING if old is None else old), None)
    if wrong is not None:
        raise bad_request(f"{_cannot(resource)}: {wrong}")


def approve(resource: Resource, new: Object, old: Object | None) -> None:
    """Validate an object against its schema and its kind's rules; raises 422 with all problems."""
    plural = resource.kind.plural
    problems: list[Problem] = []
    if old is None or new["metadata"] != old["metadata"]:
        problems += check_meta(plural, new)
    if resource.kind.custom:
        problems += validate(resource.schema, _judged(new), MISSING if old is None else _judged(old))
    elif old is None or new.get("status") == old.get("status"):
        # A write of the status is not judged by the rules of the spec.
        problems += check(plural, new, old)
    if problems:
        raise invalid(resource.kind, new["metadata"].get("name", ""), problems)


def _judged(obj: Object) -> Object:
    """Return what schemas and their rules see of an object: of the metadata only the names."""
    names = {key: obj["metadata"][key] for key in ("name", "generateName") if key in obj["metadata"]}
    return {**obj, "metadata": names}
