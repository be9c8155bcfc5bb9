"""The resources of `progressive.delivery/v1alpha1` as they are read from the cluster."""

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from rollout.models.analysis import AnalysisTemplateSpec
from rollout.models.base import Model
from rollout.models.run import RolloutRunSpec, RolloutRunStatus
from rollout.models.spec import RolloutSpec
from rollout.models.status import RolloutStatus

GROUP = "progressive.delivery"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

ROLLOUT_LABEL = f"{GROUP}/rollout"
REVISION_LABEL = f"{GROUP}/revision"
PROMOTED = f"{GROUP}/promoted"  # on a revision's Deployment: the run that made it the stable one; the highest is
LEADER = f"{GROUP}/leader"  # on a route or a Service during a run: the process that answers for it
ABORTED = f"{GROUP}/aborted"  # on a revision's Deployment, a route or a Service: the run that was taken back
COMMAND = f"{GROUP}/command"  # on a Rollout: a person's intent by `kubectl annotate`
ORIGINAL = f"{GROUP}/original"  # on a route or Service: what undoes the controller's change
FINALIZER = f"{GROUP}/give-back"
MANAGER = "progressive-delivery"


class Invalid(ValueError):  # noqa: N818 (it says what the input is)
    """A resource that cannot be read; the message names each field and the remedy."""


def parse_time(value: str) -> datetime:
    """An RFC 3339 time as an aware UTC datetime. Raises ValueError for anything else."""
    return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as this group's status fields hold times."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def explain(error: ValidationError) -> str:
    """A pydantic error as one sentence for each field, in the words of the YAML."""
    return "; ".join(_explain_one(entry) for entry in error.errors())


def _explain_one(entry: Any) -> str:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in entry["loc"]).lstrip(".") or "spec"
    if entry["type"] == "extra_forbidden":
        return f"{field} is not a field: check its spelling and place, or remove it"
    if entry["type"] == "missing":
        return f"{field} is missing: set it"
    return f"{field}: {entry['msg'].removeprefix('Value error, ')}"


def parse_spec(manifest: dict[str, Any]) -> RolloutSpec:
    """The spec of a Rollout manifest. Raises Invalid naming each field and the remedy."""
    try:
        return RolloutSpec.model_validate(manifest.get("spec") or {})
    except ValidationError as error:
        raise Invalid(f"spec is invalid: {explain(error)}") from None


def parse_status(manifest: dict[str, Any]) -> RolloutStatus:
    """The status of a Rollout manifest; an empty one when there is none or it cannot be read.

    A status that was damaged is as good as lost, and a lost status is harmless: roles are on the Deployments.
    """
    try:
        return RolloutStatus.model_validate(manifest.get("status") or {})
    except ValidationError:
        return RolloutStatus()


def parse_template(manifest: dict[str, Any]) -> AnalysisTemplateSpec:
    """The spec of an AnalysisTemplate or ClusterAnalysisTemplate. Raises Invalid."""
    try:
        return AnalysisTemplateSpec.model_validate(manifest.get("spec") or {})
    except ValidationError as error:
        raise Invalid(f"{manifest['kind']} {manifest['metadata']['name']} is invalid: {explain(error)}") from None


def parse_run(manifest: dict[str, Any]) -> tuple[RolloutRunSpec, RolloutRunStatus]:
    """Spec and status of a RolloutRun manifest. Raises Invalid."""
    try:
        return (
            RolloutRunSpec.model_validate(manifest.get("spec") or {}),
            RolloutRunStatus.model_validate(manifest.get("status") or {}),
        )
    except ValidationError as error:
        raise Invalid(f"RolloutRun {manifest['metadata']['name']} is invalid: {explain(error)}") from None


def dump(model: Model) -> dict[str, Any]:
    """The model as it stands in YAML: camelCase, without what is not set."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
