"""What people do with the commands that the pages show, in an order in which they make sense."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.controller.adopting import a_deployment, adopting, ready_behind, settled
from tests.controller.harness import RESOURCES
from tests.kubectl.shop import CANARY, Shop

OURS = "progressive.delivery"
CRDS = "".join(
    f"customresourcedefinition.apiextensions.k8s.io/{plural}.{OURS} unchanged\n"
    for plural in ("analysistemplates", "clusteranalysistemplates", "rolloutruns", "rollouts")
)
UNKNOWN_KIND = 'no kind "Rollout" is registered'


def done(what: str) -> str:
    return f"rollout.{OURS}/shop {what}\n"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command has to print (all of it; None: what the page shows), and what comes of it.

    A regular expression in `has` is searched for instead, in what it prints or, where it is `refused`, complains.
    """

    says: str | None = None
    has: str | None = None
    refused: bool = False
    endless: bool = False
    comes: Callable[[Shop], bool] = lambda _: True


SHOWN = Outcome()
MET = Outcome(says=done("condition met"))


@dataclass(frozen=True, kw_only=True)
class Story:
    """A prepared state and, in order, the commands in it."""

    before: Callable[[Shop], Awaitable[None]]
    commands: Mapping[str, Outcome]


async def nothing(shop: Shop) -> None:
    """A cluster on which the CRDs and the account were applied once; a Service and a route."""
    for folder in ("crds/", "deploy/rbac"):
        said = await shop.kubectl.run("apply", "-f", folder)
        assert said.code == 0, said


async def in_a_step(shop: Shop) -> None:
    """Version 2 is at 10 % for an hour, and what happened was reported."""
    await shop.comes_up()
    await shop.releases()
    await shop.made.until(lambda: reported(shop, "Holding"), "an event for the step")


async def asking(shop: Shop) -> None:
    """Version 2 is at 50 %, and somebody has to agree."""
    await shop.comes_up()
    await shop.asks()


async def referenced(shop: Shop) -> None:
    """A Deployment's pod template is released."""
    await shop.made.create(a_deployment())
    await shop.made.until(lambda: ready_behind(shop.made) == 3, "three pods behind the Service")
    await shop.made.create(adopting(strategy=CANARY))
    await settled(shop.made, "v1")


def reported(shop: Shop, reason: str) -> bool:
    return reason in {each["reason"] for each in shop.made.list(RESOURCES["Event"].plural)}


def phase(*wanted: str) -> Callable[[Shop], bool]:
    return lambda shop: shop.made.status.get("phase") in wanted


def image(wanted: str) -> Callable[[Shop], bool]:
    """The image that is released."""
    return lambda shop: wanted in (shop.made.status["revisions"].get("canary") or {}).get("images", ())


def replicas(wanted: int) -> Callable[[Shop], bool]:
    """The stable version's size."""
    return lambda shop: len(shop.made.pods("v1")) == wanted


def targeted(shop: Shop) -> bool:
    """Whether the HPA controller reads the Rollout's scale."""
    (found,) = shop.made.list("horizontalpodautoscalers")
    conditions = found.get("status", {}).get("conditions") or ()
    return ("AbleToScale", "True") in {(each["type"], each["status"]) for each in conditions}


STORIES: dict[str, Story] = {
    "installing": Story(
        before=nothing,
        commands={
            "kubectl apply -f crds/": Outcome(says=CRDS),
            "kubectl apply -f deploy/rbac": Outcome(has=r"(?s)serviceaccount/progressive-delivery .*"),
            "kubectl explain rollout.spec --recursive": Outcome(has=r"(?s)FIELD: spec <Object>.*bake\s.*workloadRef\s"),
            "kubectl explain rollout.spec.strategy.canary.steps.hold": SHOWN,
            "kubectl apply -f shop.yaml": Outcome(says=done("created"), comes=phase("Healthy")),
            "kubectl wait rollout/shop -n store --for=create --timeout=1m": MET,
            "kubectl wait rollout/shop --for=condition=Ready --timeout=30m": MET,
            "kubectl wait rollout/shop -n store --for=condition=Ready --timeout=30m": MET,
        },
    ),
    "holding": Story(
        before=in_a_step,
        commands={
            "kubectl get pd -n store -w": Outcome(
                has=r"shop +Progressing +1/3 +10 +False +At 10 % until", endless=True
            ),
            "kubectl get all -n store": Outcome(has=r"rollout\.progressive\.delivery/shop +Progressing +1/3 +10 "),
            "kubectl events -n store --for rollout/shop": SHOWN,
            "kubectl describe rollout shop -n store": Outcome(has=r"Normal +Holding .*At 10 % until"),
            "kubectl scale rollout shop -n store --replicas=5": Outcome(says=done("scaled"), comes=replicas(5)),
            "kubectl autoscale rollout shop -n store --min=3 --max=10 --cpu=80%": Outcome(
                says="horizontalpodautoscaler.autoscaling/shop autoscaled\n"
            ),
            "kubectl annotate rollout shop -n store progressive.delivery/command=pause": Outcome(
                says=done("annotated"), comes=phase("Paused")
            ),
            "kubectl annotate rollout shop -n store progressive.delivery/command=resume": Outcome(
                says=done("annotated"), comes=phase("Progressing")
            ),
            "kubectl annotate rollout shop -n store progressive.delivery/command=abort": Outcome(
                says=done("annotated"), comes=phase("Aborted")
            ),
            "kubectl wait rollout/shop -n store --for=condition=Stalled --timeout=30m": MET,
            'kubectl patch rollout shop -n store --type=json -p \'[{"op": "replace",'
            ' "path": "/spec/template/spec/containers/0/image", "value": "shop:v3"}]\'': Outcome(
                says=done("patched"), comes=image("shop:v3")
            ),
            "kubectl annotate rollout shop progressive.delivery/command=abort": Outcome(
                says=done("annotated"), comes=phase("Aborted")
            ),
            "kubectl edit rollout shop -n store": Outcome(
                says=done("edited"), comes=lambda shop: image("shop:edited")(shop) and targeted(shop)
            ),
            "kubectl delete rollout shop -n store": Outcome(
                has=rf'rollout.{OURS} "shop" deleted', comes=lambda shop: shop.made.list("deployments") == []
            ),
        },
    ),
    "asking": Story(
        before=asking,
        commands={
            "kubectl get pd -n store": SHOWN,
            "kubectl get rollout": Outcome(has="shop +Progressing +2/3 +50 "),
            "kubectl get pdr -n store": SHOWN,
            "kubectl wait rollout/shop -n store --for=jsonpath='{.status.step.progress}'=2/3 --timeout=2h": MET,
            "kubectl rollout status deployment -n store -l progressive.delivery/rollout=shop": SHOWN,
            "kubectl logs rollout/shop": Outcome(has=UNKNOWN_KIND, refused=True),
            "kubectl annotate rollout shop -n store progressive.delivery/command=promote": Outcome(
                says=done("annotated"), comes=phase("Baking")
            ),
        },
    ),
    "hurrying": Story(
        before=in_a_step,
        commands={
            "kubectl annotate rollout shop -n store"
            ' progressive.delivery/command=\'{"id": "to-end", "verb": "promote", "to": "end"}\'': Outcome(
                says=done("annotated"), comes=phase("Promoting", "Baking")
            ),
        },
    ),
    "referring": Story(
        before=referenced,
        commands={
            "kubectl set image deployment/shop -n store shop=shop:v3": Outcome(
                says="deployment.apps/shop image updated\n", comes=image("shop:v3")
            ),
        },
    ),
}
"""Every command of the pages is here once; two stories never share one."""

MENTIONED = {
    "kubectl apply --server-side",
    "kubectl delete --cascade=foreground",
    "kubectl rollout restart",
    "kubectl rollout status",
    "kubectl rollout undo",
    "kubectl set image",
}
"""What the text speaks of and nobody could type as it stands; so is every `kubectl VERB` alone."""

INSTALLING = {
    "kubectl apply -k deploy/cluster",
    "kubectl apply -k deploy/overlays/cluster-wide",
    "kubectl apply -k deploy/overlays/one-namespace",
    "kubectl create secret generic progressive-delivery-notifications --namespace progressive-delivery"
    " --from-file=team-chat",
    "kubectl delete -k deploy/overlays/cluster-wide",
    "kubectl get rollouts --all-namespaces",
    "kubectl kustomize deploy/argocd > argocd-cm.yaml",
    "kubectl patch configmap argocd-cm -n argocd --type=merge --patch-file=argocd-cm.yaml",
    "kubectl port-forward -n progressive-delivery deployment/progressive-delivery 7070",
}
"""What tests/deploy does on a cluster of its own; no kubelet is there to forward a port."""

PROMISED = {"get", "describe", "create", "patch", "annotate", "scale", "delete", "wait"}
"""What the sandbox answers to."""
