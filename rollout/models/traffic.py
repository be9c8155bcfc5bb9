"""What people declare about where and how traffic is split."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, StringConstraints, model_validator

from rollout.models.base import OBJECT_NAME_PATTERN, Field, Model, Name, Namespace, ObjectName, atomic, rule, rules

_ONE_ROUTER = "traffic needs exactly one of gatewayRoute and ingress in each entry: give each one an entry of its own"
_ONE_VALUE = "header takes one of exact and pattern: remove one of them, or both for the values always and never"
_NO_MATCH = "match needs header or cookie: set one of them, or remove match"


class RouteKind(StrEnum):
    """Kinds of Gateway API routes whose weights are moved."""

    HTTP = "HTTPRoute"
    GRPC = "GRPCRoute"


class GatewayRoute(Model):
    """A Gateway API route that names one of the Services as a backend."""

    kind: RouteKind = Field(description="Kind of the route.")
    name: ObjectName = Field(description="Name of the route.")
    namespace: Namespace | None = Field(
        None, description="Namespace of the route, when it is not the Rollout's; then a ReferenceGrant has to allow it."
    )
    rules: tuple[ObjectName, ...] | None = Field(
        None,
        max_length=16,
        description="Names of the route's rules to move; all that name a Service when not set.",
        json_schema_extra=atomic(),
    )


# `-canary` has to fit behind it.
_Prefix = Annotated[str, StringConstraints(min_length=1, max_length=246, pattern=OBJECT_NAME_PATTERN)]


class IngressRef(Model):
    """An Ingress of ingress-nginx, or of a controller that knows its canary annotations."""

    name: _Prefix = Field(
        description="Name of the Ingress, in the Rollout's namespace. It is not changed: during a run the Ingress"
        " `<name>-canary` stands beside it.",
    )


RouteRef = GatewayRoute | IngressRef


class Traffic(Model):
    """One place where traffic is split; exactly one of `gatewayRoute` and `ingress`."""

    model_config = rules(rule("has(self.gatewayRoute) != has(self.ingress)", _ONE_ROUTER))

    name: Name = Field(description="What this router is called in status and messages.")
    gateway_route: GatewayRoute | None = Field(None, description="Split by the weights of a Gateway API route.")
    ingress: IngressRef | None = Field(
        None, description="Split by the canary annotations of ingress-nginx, which other controllers know too."
    )

    @property
    def ref(self) -> RouteRef:
        """The route, of whichever kind."""
        ref = self.gateway_route or self.ingress
        assert ref is not None, "the model has exactly one"
        return ref

    @property
    def field(self) -> str:
        """Which of the fields is set, as it is written in YAML."""
        return "ingress" if self.gateway_route is None else "gatewayRoute"

    @model_validator(mode="after")
    def _one(self) -> "Traffic":
        if (self.gateway_route is None) == (self.ingress is None):
            raise ValueError(_ONE_ROUTER)
        return self


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression ({error}): mend it, or use exact") from None
    return pattern


_Token = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
# What ingress-nginx takes in these annotations where it validates them; it would pass over any other.
_Value = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9._~-]+$")]
_Pattern = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9._~/:^$\[\](){}*+?|&=\\-]+$")
]


class HeaderMatch(Model):
    """A request header: with one value, with values of a pattern, or with `always`; at most one of the first two."""

    model_config = rules(rule("!has(self.exact) || !has(self.pattern)", _ONE_VALUE))

    name: _Token = Field(description="Name of the header.")
    exact: _Value | None = Field(None, description="Its value.")
    pattern: Annotated[_Pattern, AfterValidator(_compiles)] | None = Field(
        None, description="A regular expression (PCRE) for its value."
    )

    @model_validator(mode="after")
    def _one(self) -> "HeaderMatch":
        if self.exact is not None and self.pattern is not None:
            raise ValueError(_ONE_VALUE)
        return self


class CookieMatch(Model):
    """A cookie whose value is `always`; with `never` a request goes to the stable version, whatever the weight."""

    name: _Token = Field(description="Name of the cookie.")


class Match(Model):
    """Requests that go to the canary whatever its weight: by `header`, by `cookie`, or by both, the header first."""

    model_config = rules(rule("has(self.header) || has(self.cookie)", _NO_MATCH))

    header: HeaderMatch | None = Field(
        None,
        description="Those with this header. Without `exact` and `pattern` those with the value `always`; then those"
        " with `never` go to the stable version, whatever the weight.",
    )
    cookie: CookieMatch | None = Field(None, description="Those with this cookie.")

    @model_validator(mode="after")
    def _any(self) -> "Match":
        if self.header is None and self.cookie is None:
            raise ValueError(_NO_MATCH)
        return self
