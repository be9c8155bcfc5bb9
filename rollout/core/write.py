"""One write to the cluster, as a value that can be printed, tested and counted."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from rollout.models.kinds import Key, Resource


class Verb(StrEnum):
    """What a write does."""

    CREATE = "create"
    PATCH = "patch"  # JSON patch; its `test` operations cover what it replaces
    MERGE = "merge"  # JSON merge patch
    DELETE = "delete"
    TRY = "try"  # a strict dry run of a creation


@dataclass(frozen=True, kw_only=True)
class Write:
    """One request. With a `version` it fails with a conflict when somebody changed the object since that was read."""

    verb: Verb
    resource: Resource
    key: Key
    why: str
    body: Any = None  # a manifest for CREATE and TRY, a change for MERGE, operations for PATCH
    subresource: str | None = None
    urgent: bool = False  # takes traffic from a revision
    version: str | None = None
    uid: str | None = None  # of the object to delete, so that a namesake is spared


Plan: TypeAlias = tuple[Write, ...]
