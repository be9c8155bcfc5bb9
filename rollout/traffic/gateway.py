"""HTTPRoute and GRPCRoute of the Gateway API as routers: weights of backendRefs."""

from dataclasses import dataclass, field

from rollout.models.kinds import Key, Manifest
from rollout.models.split import CANARY, Backend, Split
from rollout.traffic.acceptance import acceptance
from rollout.traffic.division import divide
from rollout.traffic.original import has_records
from rollout.traffic.problems import problem_in
from rollout.traffic.reading import shares_in
from rollout.traffic.refs import Rule, twins
from rollout.traffic.router import RouteState
from rollout.traffic.undo import declared


@dataclass(frozen=True, kw_only=True)
class GatewayRouter:
    """The routes of one kind; of their rules, those with these names, or all when None."""

    kind: str
    rules: tuple[str, ...] | None = None
    matches: bool = field(default=False, init=False)  # the weights are all that is moved

    def twin(self, route: Key) -> Key | None:
        """None: the route carries the split itself."""
        return None

    def carrier(
        self, route: Manifest, backends: tuple[Backend, ...], *, twin: Manifest | None, rollout: str
    ) -> Manifest | None:
        """The route itself."""
        return route

    def shift(self, manifest: Manifest, backends: tuple[Backend, ...], split: Split) -> Manifest:
        """The route with this split in every chosen rule that names one of the Services.

        It starts from the route as declared, so that the result does not depend on the splits before. Shares below a
        tenth of a per cent are rounded down for the canary; `problem` refuses routes in which that would matter.
        """
        tenths = dict(split.shares).get(CANARY, 0)
        rest = declared(manifest, chosen=self._chosen, twins=twins(backends))
        return divide(rest, chosen=self._chosen, twins=twins(backends), tenths=tenths)

    def read(self, manifest: Manifest, backends: tuple[Backend, ...]) -> Split | None:
        """The highest share of a canary in a chosen rule; None where none is, or only one declared at weight 0."""
        shares = shares_in(manifest, chosen=self._chosen, twins=twins(backends))
        highest = max(shares, default=0)
        if not shares or (highest == 0 and not has_records(manifest)):
            return None
        return Split.at(highest / 10)

    def restore(self, manifest: Manifest, backends: tuple[Backend, ...] = ()) -> Manifest:
        """The route as declared. Where the annotation is lost, the canaries of these backends are known by name."""
        return declared(manifest, chosen=self._chosen, twins=twins(backends))

    def problem(self, manifest: Manifest, backends: tuple[Backend, ...]) -> str | None:
        """What in the declared route is in the way, with the remedy; None when it can be split."""
        rest = declared(manifest, chosen=self._chosen, twins=twins(backends))
        return problem_in(rest, kind=self.kind, names=self.rules, backends=backends)

    def rivalry(self, manifest: Manifest, others: tuple[Manifest, ...], backends: tuple[Backend, ...]) -> str | None:
        """None: other routes take nothing away from this one's rules."""
        return None

    def state(self, manifest: Manifest) -> RouteState:
        """Whether the parents that report on the route accepted its present generation."""
        return acceptance(manifest, kind=self.kind)

    def _chosen(self, rule: Rule) -> bool:
        return self.rules is None or rule.get("name") in self.rules
