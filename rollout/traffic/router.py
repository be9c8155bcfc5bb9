"""What every router can do: pure functions from a route as it was read to the route as it should be."""

from dataclasses import dataclass
from typing import Protocol

from rollout.models.kinds import Manifest
from rollout.models.split import Backend, Split


@dataclass(frozen=True, kw_only=True)
class RouteState:
    """Whether the route as it stands now was taken over by what serves it; if not, `message` is a sentence on why.

    `refused` tells a no for this very generation from an answer that is still to come.
    """

    accepted: bool
    refused: bool = False
    message: str = ""


class Router(Protocol):
    """One kind of object that splits traffic between Services. No function changes its argument."""

    def shift(self, manifest: Manifest, backends: tuple[Backend, ...], split: Split) -> Manifest:
        """The route with this split between every Service and the canary beside it, whatever the split was before.

        The canary is there at 0 % too. No weights are ever all zero, and what other people declared keeps its share.
        """
        ...

    def read(self, manifest: Manifest, backends: tuple[Backend, ...]) -> Split | None:
        """The split in the route; None where there is no canary, so that the route is as declared.

        Where its rules disagree, the highest share of the canary: nothing must be judged safer than it is.
        """
        ...

    def restore(self, manifest: Manifest, backends: tuple[Backend, ...] = ()) -> Manifest:
        """The route as it was declared; what other people changed meanwhile stays.

        The backends are needed only where somebody took away what the route itself remembers of its change.
        """
        ...

    def problem(self, manifest: Manifest, backends: tuple[Backend, ...]) -> str | None:
        """Why this route cannot split the Services' traffic, as a sentence with the remedy; None when it can."""
        ...

    def state(self, manifest: Manifest) -> RouteState:
        """Whether what serves the route has taken over its present generation. This is not yet an effect on traffic."""
        ...
