"""TokenReview and the access reviews: asked like objects, never stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.apiserver.records import RequestRecord
from sandbox.apiserver.registry import Resource
from sandbox.changes import Object
from sandbox.kinds import Kind
from sandbox.storage import ApiError

Authorize = Callable[[str, str, str, str, str, str, str], bool]
ADMIN = "system:admin"


@dataclass
class Access:
    """Who there is, and who may do what. Without a token a request is system:admin's."""

    users: dict[str, str] = field(default_factory=dict)  # token -> user name
    authorize: Authorize | None = None  # user, verb, group, resource, subresource, namespace, name

    def identify(self, authorization: str) -> str:
        """Return whose request it is; raises 401 for an unknown token."""
        scheme, _, token = authorization.partition(" ")
        if not authorization or scheme.lower() != "bearer":
            return ADMIN
        if token.strip() not in self.users:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return self.users[token.strip()]

    def allows(self, user: str, attributes: Mapping[str, Any]) -> bool:
        """Whether `user` may do what resourceAttributes say."""
        if user == ADMIN or self.authorize is None:
            return True
        names = ("verb", "group", "resource", "subresource", "namespace", "name")
        return self.authorize(user, *(str(attributes.get(name) or "") for name in names))

    def check(self, record: RequestRecord, name: str) -> None:
        """Raise 403 if the request's user may not make it."""
        attributes = {
            "verb": record.verb,
            "group": record.group,
            "resource": record.plural,
            "subresource": record.subresource,
            "namespace": record.namespace,
            "name": name,
        }
        if not self.allows(record.user, attributes):
            raise ApiError(403, "Forbidden", _refusal(record, name))


def _refusal(record: RequestRecord, name: str) -> str:
    resource = f"{record.plural}/{record.subresource}" if record.subresource else record.plural
    qualified = f"{record.plural}.{record.group}" if record.group else record.plural
    subject = f'{qualified} "{name}"' if name else qualified
    scope = f'in the namespace "{record.namespace}"' if record.namespace else "at the cluster scope"
    return (
        f'{subject} is forbidden: User "{record.user}" cannot {record.verb} resource "{resource}" '
        f'in API group "{record.group}" {scope}'
    )


def _virtual(group: str, plural: str, kind: str, *, namespaced: bool = False) -> Resource:
    return Resource(
        kind=Kind(group=group, version="v1", plural=plural, kind=kind, namespaced=namespaced, status=False),
        version="v1",
        status=False,
    )


VIRTUAL: tuple[Resource, ...] = (
    _virtual("authentication.k8s.io", "tokenreviews", "TokenReview"),
    _virtual("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    _virtual("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
    _virtual("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _virtual("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", namespaced=True),
)


def virtual(group: str, version: str, plural: str) -> Resource | None:
    """Return the review at that address, None if there is none."""
    return next((r for r in VIRTUAL if (r.kind.group, r.version, r.kind.plural) == (group, version, plural)), None)


def review(access: Access, resource: Resource, user: str, asked: Object) -> Object:
    """Answer a review."""
    answer = {"apiVersion": resource.api_version, "kind": resource.kind.kind, "metadata": {}, **asked}
    spec = asked.get("spec") or {}
    return {**answer, "status": _STATUS[resource.kind.plural](access, user, spec)}


def _token(access: Access, _: str, spec: Object) -> Object:
    name = access.users.get(spec.get("token", ""))
    if name is None:
        return {"authenticated": False, "error": "invalid bearer token"}
    return {"authenticated": True, "user": _user(name), "audiences": spec.get("audiences") or []}


def _user(name: str) -> Object:
    groups = ["system:authenticated"]
    if name.startswith("system:serviceaccount:"):
        groups += ["system:serviceaccounts", f"system:serviceaccounts:{name.split(':')[2]}"]
    return {"username": name, "uid": f"uid-of-{name}", "groups": groups}


def _who(_: Access, user: str, __: Object) -> Object:
    return {"userInfo": _user(user)}


def _subject(access: Access, _: str, spec: Object) -> Object:
    return _decided(access, spec.get("user") or "", spec)


def _self(access: Access, user: str, spec: Object) -> Object:
    return _decided(access, user, spec)


def _decided(access: Access, user: str, spec: Object) -> Object:
    allowed = access.allows(user, spec.get("resourceAttributes") or {})
    return {"allowed": True} if allowed else {"allowed": False, "reason": "no rule allows it"}


_STATUS: Mapping[str, Callable[[Access, str, Object], Object]] = {
    "tokenreviews": _token,
    "selfsubjectreviews": _who,
    "subjectaccessreviews": _subject,
    "selfsubjectaccessreviews": _self,
    "localsubjectaccessreviews": _subject,
}
