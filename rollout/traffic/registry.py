"""Which router moves the traffic of what a Rollout declares under `traffic`, and which resource that is."""

from rollout.models.kinds import GRPC_ROUTES, HTTP_ROUTES, INGRESSES, Resource
from rollout.models.traffic import GatewayRoute, RouteKind, RouteRef
from rollout.traffic.gateway import GatewayRouter
from rollout.traffic.ingress import IngressRouter
from rollout.traffic.router import Router

_RESOURCES = {RouteKind.HTTP: HTTP_ROUTES, RouteKind.GRPC: GRPC_ROUTES}


def router_for(ref: RouteRef) -> Router:
    """The router for a route of this kind, restricted to the rules that are named."""
    if isinstance(ref, GatewayRoute):
        return GatewayRouter(kind=ref.kind.value, rules=ref.rules)
    return IngressRouter()


def resource_for(ref: RouteRef) -> Resource:
    """The resource by which the API server serves the route."""
    return _RESOURCES[ref.kind] if isinstance(ref, GatewayRoute) else INGRESSES
