"""What every router can do: pure functions from a route as it was read to the route as it should be."""

from dataclasses import dataclass
from typing import Protocol

from rollout.models.kinds import Key, Manifest
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
    """One kind of object that splits traffic between Services. No function changes its argument.

    What carries the split is the route that people have, or an owned object beside a route that stays as declared.
    `shift`, `read` and `restore` are about that carrier; `problem` and `state` about the route.
    """

    @property
    def kind(self) -> str:
        """The kind of the route, and of the object beside it."""
        ...

    @property
    def matches(self) -> bool:
        """Whether it can send requests that match to the canary, besides its weight."""
        ...

    def twin(self, route: Key) -> Key | None:
        """Where the owned object beside a route is; None where the route carries the split itself."""
        ...

    def carrier(
        self, route: Manifest, backends: tuple[Backend, ...], *, twin: Manifest | None, rollout: str
    ) -> Manifest | None:
        """What is to carry the split: the route, or the object beside it, brought up to date with the route.

        `twin` is that object as it was read; without one it is made, with no split in it. None where the route names
        none of the Services, so that nothing can stand beside it.
        """
        ...

    def shift(self, manifest: Manifest, backends: tuple[Backend, ...], split: Split) -> Manifest:
        """The carrier with this split between every Service and the canary beside it, whatever the split was before.

        The canary is there at 0 % too. No weights are ever all zero, and what other people declared keeps its share.
        """
        ...

    def read(self, manifest: Manifest, backends: tuple[Backend, ...]) -> Split | None:
        """The split in the carrier; None where there is no canary in it.

        Where its rules disagree, the highest share of the canary: nothing must be judged safer than it is.
        """
        ...

    def restore(self, manifest: Manifest, backends: tuple[Backend, ...] = ()) -> Manifest:
        """The carrier as it was before any split; what other people changed meanwhile stays.

        The backends are needed only where somebody took away what a route itself remembers of its change.
        """
        ...

    def problem(self, manifest: Manifest, backends: tuple[Backend, ...]) -> str | None:
        """Why this route cannot split the Services' traffic, as a sentence with the remedy; None when it can."""
        ...

    def rivalry(self, manifest: Manifest, others: tuple[Manifest, ...], backends: tuple[Backend, ...]) -> str | None:
        """Which of the other routes in its namespace are in the way, with the remedy; None when none is."""
        ...

    def state(self, manifest: Manifest) -> RouteState:
        """Whether what serves the route has taken over its present generation. This is not yet an effect on traffic."""
        ...
