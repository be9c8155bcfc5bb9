"""What is put up before the first release, and what releasing a version means; each may be done twice."""

from rollout.cli.showcase import manifests
from rollout.cli.showcase.api import Person
from rollout.models.definitions import manifests as definitions
from rollout.models.kinds import HTTP_ROUTES, ROLLOUTS, SERVICES, Resource

_CRDS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
_NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_GATEWAYS = Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway")


async def install(person: Person) -> None:
    """Make the API server know a Rollout."""
    for definition in definitions():
        await person.ensure(_CRDS, definition)


async def build(person: Person) -> None:
    """Put up the shop with its first version, behind a Gateway."""
    await person.ensure(_NAMESPACES, manifests.NAMESPACE_MANIFEST)
    await person.ensure(_GATEWAYS, manifests.GATEWAY)
    await person.ensure(SERVICES, manifests.SERVICE)
    await person.ensure(HTTP_ROUTES, manifests.ROUTE)
    await person.ensure(ROLLOUTS, manifests.rollout("v1"))


async def release(person: Person, version: str) -> None:
    """Change the shop's template to that of another version."""
    template = manifests.pod_template(version)
    await person.replace(ROLLOUTS, manifests.NAMESPACE, "shop", field="/spec/template", value=template)
