"""Every call to the API server as a value, before anything is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from rollout.models.kinds import Manifest, Resource

FIELD_MANAGER = "progressive-delivery"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Request:
    """One call: `path` is absolute and escaped, `query` holds unescaped pairs, `body` is JSON-able or None."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    content_type: str = "application/json"

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


def listing(
    resource: Resource,
    *,
    namespace: str | None = None,
    label_selector: str | None = None,
    limit: int | None = None,
    continue_token: str | None = None,
) -> Request:
    """One page of a list at the newest state (no resourceVersion: a consistent read)."""
    asked: dict[str, str | int | None] = {"labelSelector": label_selector, "limit": limit, "continue": continue_token}
    return Request("GET", resource.path(namespace), _query(asked))


def watching(
    resource: Resource,
    *,
    namespace: str | None,
    label_selector: str | None,
    resource_version: str,
    timeout_seconds: int,
) -> Request:
    """A watch with bookmarks from just after `resource_version`, which the server ends after `timeout_seconds`."""
    asked: dict[str, str | int | None] = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": resource_version,
        "timeoutSeconds": timeout_seconds,
        "labelSelector": label_selector,
    }
    return Request("GET", resource.path(namespace), _query(asked))


def creating(resource: Resource, namespace: str | None, body: Manifest, *, dry_run: bool, strict: bool) -> Request:
    """A create; `strict` makes the server refuse unknown and duplicate fields instead of dropping them."""
    asked = {
        "fieldManager": FIELD_MANAGER,
        "fieldValidation": "Strict" if strict else None,
        "dryRun": "All" if dry_run else None,
    }
    return Request("POST", resource.path(namespace), _query(asked), body)


def patching(path: str, body: Any, *, content_type: str, force: bool = False) -> Request:
    """A patch of the object at `path`; `force` takes fields over from other managers (apply only)."""
    asked = {"fieldManager": FIELD_MANAGER, "force": "true" if force else None}
    return Request("PATCH", path, _query(asked), body, content_type)


def deleting(path: str, *, propagation: str, uid: str | None) -> Request:
    """A delete of the object at `path`, and only of the one with `uid` where one is given."""
    options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
    if uid is not None:
        options["preconditions"] = {"uid": uid}
    return Request("DELETE", path, body=options)


def _query(asked: Mapping[str, str | int | None]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in asked.items() if value is not None)
