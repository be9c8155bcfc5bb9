"""From the body of a request to an object that may be stored: shaped, defaulted, validated."""

import re
from dataclasses import dataclass, replace

from sandbox.apiserver.builtin import model_schema
from sandbox.apiserver.checks import check, check_meta
from sandbox.apiserver.defaults import fill_defaults
from sandbox.apiserver.empty import drop_empty
from sandbox.apiserver.registry import Resource
from sandbox.apiserver.replies import Problem, bad_request, invalid
from sandbox.apiserver.schema import MISSING, Schema
from sandbox.apiserver.shape import fill, prune
from sandbox.apiserver.validation import validate
from sandbox.changes import Object
from sandbox.storage import ApiError

_METADATA_ONLY = Schema(type="object", children=lambda: {"metadata": model_schema("V1ObjectMeta")})


class Undecodable(ApiError):  # noqa: N818 - it says what the body is, as the reasons of the API do
    """400: a body does not fit the type it is decoded into. `why` is the message without the kind."""

    def __init__(self, resource: Resource, why: str) -> None:
        kind = resource.kind.kind
        whole = f'{kind} in version "{resource.version}" cannot be handled as a {kind}: {why}'
        super().__init__(400, "BadRequest", whole)
        self.why = why


_NOT_ASKED = Problem(
    "",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)


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
    if isinstance(obj["metadata"], dict):
        obj["metadata"] = {name: value for name, value in obj["metadata"].items() if value is not None}
    unknown = prune(resource.schema, obj)
    listed = ", ".join(f'unknown field "{path}"' for path in unknown)
    if unknown and strictness == "Strict":
        raise Undecodable(resource, f"strict decoding error: {listed}")
    _check_types(resource, obj, old)
    _check_moments(resource, obj)
    if not resource.kind.custom:
        fill_defaults(resource.kind.plural, obj)
    fill(resource.schema, obj)
    if not resource.kind.custom:
        drop_empty(resource.schema, obj)
    warns = strictness in ("", "Warn")
    return Admitted(obj, tuple(f'unknown field "{path}"' for path in unknown) if warns else ())


def _check_type(resource: Resource, obj: Object) -> None:
    version, kind = obj.get("apiVersion") or resource.api_version, obj.get("kind") or resource.kind.kind
    if version != resource.api_version:
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
        )
    if kind != resource.kind.kind and resource.kind.custom:
        name = (obj.get("metadata") or {}).get("name", "")
        problem = Problem("kind", f'Invalid value: "{kind}": must be {resource.kind.kind}')
        raise invalid(replace(resource.kind, kind=str(kind)), name, [problem])
    if kind != resource.kind.kind:
        raise bad_request(
            f'{kind} in version "{resource.version}" cannot be handled as a {resource.kind.kind}: '
            f"converting ({resource.version}.{kind}) to (core.{resource.kind.kind}): unknown conversion"
        )
    obj["apiVersion"], obj["kind"] = version, kind


def _check_types(resource: Resource, obj: Object, old: Object | None) -> None:
    """What is decoded into Go types is a bad request if a type is wrong: built-in kinds, and the metadata of all."""
    schema = _METADATA_ONLY if resource.kind.custom else resource.schema
    wrong = next(validate(schema, obj, MISSING if old is None else old), None)
    if wrong is not None:
        raise Undecodable(resource, str(wrong))


_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$")


def _check_moments(resource: Resource, obj: Object) -> None:
    """Times of leases and events are written with exactly six digits after the second, unlike all others."""
    if resource.kind.custom or resource.kind.plural not in ("leases", "events"):
        return
    spec = obj.get("spec") or {}
    for text in (spec.get("acquireTime"), spec.get("renewTime"), obj.get("eventTime")):
        if text is not None and not _MOMENT.match(text):
            raise Undecodable(resource, f'parsing time "{text}" as "2006-01-02T15:04:05.000000Z07:00"')


def approve(resource: Resource, new: Object, old: Object | None) -> None:
    """Validate an object against its schema and its kind's rules; raises 422 with all problems."""
    plural = resource.kind.plural
    problems: list[Problem] = []
    if old is None or new["metadata"] != old["metadata"]:
        problems += check_meta(plural, new, old)
    if resource.kind.custom:
        problems += _with_rules_last(
            resource.schema, list(validate(resource.schema, _judged(new), MISSING if old is None else _judged(old)))
        )
    elif old is None or new.get("status") == old.get("status"):
        # A write of the status is not judged by the rules of the spec.
        problems += check(plural, new, old)
    if problems:
        raise invalid(resource.kind, new["metadata"].get("name", ""), problems)


def _with_rules_last(schema: Schema, problems: list[Problem]) -> list[Problem]:
    """As in Kubernetes no rule is asked while a type or a required field is wrong, and that is said."""
    if not any(problem.blocks and not problem.rule for problem in problems) or not schema.has_rules:
        return problems
    return [*(problem for problem in problems if not problem.rule), _NOT_ASKED]


def _judged(obj: Object) -> Object:
    """Return what schemas and their rules see of an object: of the metadata only the names."""
    names = {key: obj["metadata"][key] for key in ("name", "generateName") if key in obj["metadata"]}
    return {**obj, "metadata": names}
