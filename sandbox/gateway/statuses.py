"""What a Gateway controller says about routes, Gateways and its class: conditions of a generation; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sandbox.gateway.attachment import Attachment, Problem, attachments, backend_refs, problem
from sandbox.kinds import GATEWAY_GROUP
from sandbox.reading import ObjectKey
from sandbox.storage import Object

CONTROLLER = "progressive.delivery/sandbox-gateway"
_MESSAGES = {
    "Accepted": "The route is served.",
    "NoMatchingParent": "The Gateway has no listener of that name or port.",
    "NotAllowedByListeners": "No listener allows routes of this kind from this namespace.",
    "UnsupportedValue": "A regular expression of the route is not one of RE2's; no rule of it is served.",
    "NoMatchingListenerHostname": "No hostname of the route is one of the listener's.",
}
_FEATURES = (
    "GRPCRoute",
    "Gateway",
    "HTTPRoute",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteSchemeRedirect",
    "ReferenceGrant",
)


class _Condition(NamedTuple):
    type: str
    holds: bool
    reason: str
    message: str


def route_parents(
    route: Object,
    *,
    gateways: Mapping[ObjectKey, Object],
    service_of: Callable[[ObjectKey], Object | None],
    grants: Sequence[Object],
    now: str,
) -> list[Object]:
    """Return `status.parents` of a route: ours judged anew, those of other controllers as they are."""
    before = (route.get("status") or {}).get("parents") or ()
    problems = [
        found for ref in backend_refs(route) if (found := problem(route, ref, service_of=service_of, grants=grants))
    ]
    others = [parent for parent in before if parent["controllerName"] != CONTROLLER]
    return others + [
        {
            "parentRef": attachment.parent,
            "controllerName": CONTROLLER,
            "conditions": _conditions(
                (_accepted(attachment), _resolved(problems)),
                before=_conditions_for(before, attachment.parent),
                generation=route["metadata"].get("generation", 1),
                now=now,
            ),
        }
        for attachment in attachments(route, gateways)
    ]


def is_current(route: Object) -> bool:
    """Whether what we have said about a route is about its present generation."""
    parents = (route.get("status") or {}).get("parents") or ()
    generations = [
        c["observedGeneration"] for p in parents if p["controllerName"] == CONTROLLER for c in p["conditions"]
    ]
    return bool(generations) and min(generations) == route["metadata"].get("generation", 1)


def gateway_status(gateway: Object, attached: Mapping[str, int], *, now: str) -> Object:
    """Return the status of a Gateway; `attached` counts the routes on each listener."""
    before, generation = gateway.get("status") or {}, gateway["metadata"].get("generation", 1)
    listeners = {one["name"]: one for one in before.get("listeners") or ()}
    fine = (
        _Condition("Accepted", True, "Accepted", "The Gateway is served."),  # noqa: FBT003 - a field's value
        _Condition("Programmed", True, "Programmed", "The proxy listens."),  # noqa: FBT003
    )
    return {
        "addresses": [{"type": "IPAddress", "value": "127.0.0.1"}],
        "conditions": _conditions(fine, before=before.get("conditions") or (), generation=generation, now=now),
        "listeners": [
            {
                "name": listener["name"],
                "attachedRoutes": attached.get(listener["name"], 0),
                "supportedKinds": [{"group": GATEWAY_GROUP, "kind": kind} for kind in ("HTTPRoute", "GRPCRoute")],
                "conditions": _conditions(
                    _listener_conditions(listener),
                    before=listeners.get(listener["name"], {}).get("conditions") or (),
                    generation=generation,
                    now=now,
                ),
            }
            for listener in gateway["spec"].get("listeners") or ()
        ],
    }


def class_status(gateway_class: Object, *, now: str) -> Object:
    """Return the status of our GatewayClass."""
    accepted = _Condition("Accepted", True, "Accepted", "The class is served by the sandbox.")  # noqa: FBT003
    before = (gateway_class.get("status") or {}).get("conditions") or ()
    generation = gateway_class["metadata"].get("generation", 1)
    return {
        "conditions": _conditions((accepted,), before=before, generation=generation, now=now),
        "supportedFeatures": [{"name": feature} for feature in _FEATURES],
    }


def _listener_conditions(listener: Object) -> tuple[_Condition, ...]:
    plain = listener.get("protocol", "HTTP") == "HTTP"
    reason, message = ("Accepted", "") if plain else ("UnsupportedProtocol", "The sandbox serves HTTP only.")
    return (
        _Condition("Accepted", plain, reason, message),
        _Condition("Programmed", plain, "Programmed" if plain else "Invalid", message),
        _Condition("ResolvedRefs", True, "ResolvedRefs", ""),  # noqa: FBT003
    )


def _accepted(attachment: Attachment) -> _Condition:
    return _Condition("Accepted", attachment.accepted, attachment.reason, _MESSAGES[attachment.reason])


def _resolved(problems: Sequence[Problem]) -> _Condition:
    if not problems:
        return _Condition("ResolvedRefs", True, "ResolvedRefs", "All backends exist.")  # noqa: FBT003
    messages = dict.fromkeys(found.message for found in problems)
    return _Condition("ResolvedRefs", False, problems[0].reason, "; ".join(messages))  # noqa: FBT003


def _conditions_for(parents: Iterable[Object], ref: Object) -> Sequence[Object]:
    ours = (p["conditions"] for p in parents if p["controllerName"] == CONTROLLER and p["parentRef"] == ref)
    return next(ours, ())


def _conditions(wanted: Sequence[_Condition], *, before: Sequence[Object], generation: int, now: str) -> list[Object]:
    since = {(c["type"], c["status"]): c["lastTransitionTime"] for c in before}
    return [
        {
            "type": one.type,
            "status": str(one.holds),
            "reason": one.reason,
            "message": one.message,
            "observedGeneration": generation,
            "lastTransitionTime": since.get((one.type, str(one.holds)), now),
        }
        for one in wanted
    ]
