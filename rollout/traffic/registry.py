"""Which router moves the traffic of what a Rollout declares under `traffic`, and which resource that is."""

from rollout.models.kinds import GRPC_ROUTES, HTTP_ROUTES, Resource
from rollout.models.spec import GatewayRoute, RouteKind
from rollout.traffic.gateway import GatewayRouter
from rollout.traffic.router import Router

_RESOURCES = {RouteKind.HTTP: HTTP_ROUTES, RouteKind.GRPC: GRPC_ROUTES}


def router_for(gateway_route: GatewayRoute) -> Router:
    """The router for a route of this kind, restricted to the rules that are named."""
    return GatewayRouter(kind=gateway_route.kind.value, rules=gateway_route.rules)


def resource_for(gateway_route: GatewayRoute) -> Resource:
    """The resource by which the API server serves the route."""
    return _RESOURCES[gateway_route.kind]
