"""Days worth remembering: one for each danger, those that show most first, and those on which something went wrong."""

from tests.simulation.schedule import (
    AllReady,
    Ask,
    Begin,
    Event,
    GitOps,
    Harm,
    Kill,
    Leave,
    Partition,
    Release,
    Remove,
    Restarts,
    Scale,
    Schedule,
    Setup,
    Shape,
    Sky,
    Trouble,
    Unready,
    Weather,
    Whose,
)


def _day(*events: Event, ends: str = "", **setup: object) -> Schedule:
    return Schedule(Setup(**setup), events, ends)  # type: ignore[arg-type]


_STEPPING, _BAKING = {"begin": Begin.STEPPING}, {"begin": Begin.BAKING}
_BAD, _RELEASE = Weather(Sky.BAD), Release("v2")

DAYS: dict[str, Schedule] = {
    "writes are refused through a whole release": _day(Event(0, _RELEASE), Event(1, Harm(Trouble.ERRORS, 120.0, 40))),
    "routes cannot be written when a step begins": _day(
        Event(0, _RELEASE), Event(1, Harm(Trouble.ROUTES_REFUSED, 40.0))
    ),
    "routes cannot be written when a release begins": _day(
        Event(0, Harm(Trouble.ROUTES_REFUSED, 40.0)), Event(1, _RELEASE)
    ),
    "routes cannot be written when errors come": _day(
        Event(5, Harm(Trouble.ROUTES_REFUSED, 60.0)), Event(5, _BAD), **_STEPPING
    ),
    "answers are lost through a whole release": _day(Event(0, _RELEASE), Event(1, Harm(Trouble.CUT_AFTER, 120.0, 40))),
    "errors while every third write is refused": _day(
        Event(5, Harm(Trouble.ERRORS, 120.0, 40)), Event(5, _BAD), Event(100, AllReady()), **_STEPPING
    ),
    "conflicts through a whole release": _day(Event(0, _RELEASE), Event(1, Harm(Trouble.CONFLICTS, 120.0, 40))),
    "events are late": _day(Event(0, Harm(Trouble.LATE, 120.0)), Event(5, _RELEASE)),
    "errors in a step": _day(Event(20, _BAD), Event(60, Weather(Sky.GOOD)), **_STEPPING),
    "an answer is lost right after traffic was taken": _day(
        Event(1, Harm(Trouble.CUT_AFTER, 40.0, 40)), Event(20, _BAD), **_STEPPING
    ),
    "the route is reset": _day(Event(5, GitOps("HTTPRoute")), **_STEPPING),
    "a good release through an Ingress": _day(Event(0, _RELEASE), ingress=True, ends="promoted"),
    "errors through an Ingress": _day(Event(20, _BAD), Event(60, Weather(Sky.GOOD)), ingress=True, **_STEPPING),
    "errors through an Ingress while answers are lost": _day(
        Event(1, Harm(Trouble.CUT_AFTER, 40.0, 40)), Event(20, _BAD), ingress=True, **_STEPPING
    ),
    "the owned Ingress is pruned": _day(Event(5, GitOps("HTTPRoute")), ingress=True, **_STEPPING),
    "the owned Ingress is pruned again and again": _day(
        *[Event(4, GitOps("HTTPRoute"))] * 4, ingress=True, ends="undid", **_STEPPING
    ),
    "the Ingress is deleted": _day(
        Event(5, Remove("HTTPRoute", 30.0)), Event(40, AllReady()), ingress=True, **_STEPPING
    ),
    "the Rollout with an Ingress is deleted": _day(Event(5, Leave()), ingress=True, **_STEPPING),
    "watches are told 410": _day(Event(0, Harm(Trouble.GONE, 40.0)), Event(5, _RELEASE)),
    "another version in the middle": _day(Event(5, Release("v3")), **_STEPPING),
    "the Rollout is deleted": _day(Event(5, Leave()), **_STEPPING),
    "a good release without a router": _day(Event(0, _RELEASE), routed=False),
    "errors while the old version is warm": _day(Event(10, _BAD), Event(70, AllReady()), **_BAKING),
    "lists are slow, and a controller starts": _day(
        Event(0, Kill(1, False, 1.0)), Event(0, Harm(Trouble.SLOW_LISTS, 40.0, 40)), Event(1, Ask("abort")), **_STEPPING
    ),
    "errors, and the stable version is not ready": _day(
        Event(5, Unready(Whose.STABLE, 5)), Event(5, _BAD), Event(60, AllReady()), **_STEPPING
    ),
    "a restart that arrives late": _day(Event(1, Harm(Trouble.HELD, 40.0)), Event(1, Ask("restart"))),
    "the leader dies": _day(Event(0, Kill(1, True, 20.0)), Event(1, Ask("promote")), controllers=2, **_STEPPING),
    "watches fall silent": _day(Event(0, Harm(Trouble.SILENT_WATCHES, 40.0)), Event(5, _RELEASE)),
    "a pod goes while events are not told": _day(
        Event(1, Partition(120.0)), Event(5, Unready(Whose.CANARY, 5)), Event(160, AllReady()), **_STEPPING
    ),
    "a good release": _day(Event(0, _RELEASE)),
    "a controller dies when the first version is complete": _day(
        Event(1, Unready(Whose.CANARY, 5)),
        Event(1, GitOps("Service")),
        Event(1, Kill(6, False, 0.0)),
        Event(12, Release("v3")),
        judged=False,
        begin=Begin.FIRST,
        replicas=4,
        seed=11,
    ),
    "the pods are faster than the Gateway": _day(Event(0, _RELEASE), judged=False, ends="promoted", seed=3),
    "a good release of one pod": _day(Event(0, _RELEASE), replicas=1),
    "the canary is back on the traffic, and metrics follow late": _day(
        Event(45, Unready(Whose.CANARY, 5)),
        Event(7, AllReady()),
        lag=20.0,
        no_data="abort",
        ends="promoted",
        **_STEPPING,
    ),
    "a good blue-green release": _day(Event(0, _RELEASE), shape=Shape.BLUE_GREEN),
    "a good release of an adopted workload": _day(Event(0, _RELEASE), adopted=True),
    "a good release by two replicas": _day(Event(0, _RELEASE), controllers=2),
    "errors while paused": _day(Event(5, Ask("pause")), Event(20, _BAD), Event(60, AllReady()), **_STEPPING),
    "without a router, a version comes while old pods are unready": _day(
        Event(0, Unready(Whose.STABLE, 2)), Event(1, _RELEASE), Event(60, AllReady()), routed=False
    ),
    "without a router, old pods go in a step": _day(
        Event(5, Unready(Whose.STABLE, 2)), Event(90, AllReady()), routed=False, **_STEPPING
    ),
    "without a router, a person does not wait for old pods": _day(
        Event(0, Unready(Whose.STABLE, 2)),
        Event(1, _RELEASE),
        Event(30, Ask("promote", to_end=True)),
        Event(60, AllReady()),
        routed=False,
    ),
    "errors without a router": _day(Event(20, _BAD), Event(60, AllReady()), routed=False, **_STEPPING),
    "errors after a blue-green switch": _day(Event(10, _BAD), Event(70, AllReady()), shape=Shape.BLUE_GREEN, **_BAKING),
    "errors while writes meet conflicts": _day(
        Event(5, Harm(Trouble.CONFLICTS, 40.0)), Event(5, _BAD), Event(90, AllReady()), **_STEPPING
    ),
    "errors while answers are lost": _day(
        Event(5, Harm(Trouble.CUT_AFTER, 120.0, 40)), Event(5, _BAD), Event(100, AllReady()), **_STEPPING
    ),
    "errors, and somebody changes the route": _day(
        Event(5, _BAD), Event(12, GitOps("HTTPRoute")), Event(30, AllReady()), **_STEPPING
    ),
    "the container restarts": _day(Event(5, Restarts()), Event(30, Restarts()), **_STEPPING),
    "the container restarts while metrics hang": _day(
        Event(1, Weather(Sky.HANG)), Event(20, Restarts()), Event(60, AllReady()), **_STEPPING
    ),
    "no metrics when the step is over": _day(Event(5, Weather(Sky.NONE)), Event(160, AllReady()), **_STEPPING),
    "metrics fail when the step is over": _day(Event(40, Weather(Sky.ERROR)), Event(160, AllReady()), **_STEPPING),
    "metrics are lost while the next step is reached": _day(
        Event(30, Unready(Whose.CANARY, 1)), Event(45, Weather(Sky.ERROR)), Event(10, AllReady()), **_STEPPING
    ),
    "a silent canary": _day(Event(1, Weather(Sky.SILENT)), Event(120, Weather(Sky.GOOD)), **_STEPPING),
    "the canary loses its pods": _day(Event(5, Unready(Whose.CANARY, 5)), Event(30, AllReady()), **_STEPPING),
    "the canary loses one pod of many": _day(
        Event(62, Unready(Whose.CANARY, 1)), Event(70, AllReady()), replicas=4, **_STEPPING
    ),
    "the canary loses its pods without a router": _day(
        Event(5, Unready(Whose.CANARY, 5)), Event(30, AllReady()), routed=False, **_STEPPING
    ),
    "the new version loses its pods while the old one is warm": _day(
        Event(5, Unready(Whose.CANARY, 5)), Event(30, AllReady()), **_BAKING
    ),
    "nobody answers for a while": _day(Event(0, _RELEASE), Event(5, Harm(Trouble.HALF_OPEN, 40.0))),
    "the token expires": _day(Event(0, _RELEASE), Event(12, Harm(Trouble.EXPIRED_TOKEN, 40.0))),
    "events are late, and errors come": _day(
        Event(0, Harm(Trouble.LATE, 120.0)), Event(20, _BAD), Event(70, AllReady()), **_STEPPING
    ),
    "objects vanish while nobody watches": _day(
        Event(1, Partition(120.0)), Event(5, Remove("CanaryService")), **_STEPPING
    ),
    "the route is reset again and again": _day(*[Event(4, GitOps("HTTPRoute"))] * 4, **_STEPPING),
    "the Service is reset": _day(Event(5, GitOps("Service")), **_STEPPING),
    "the Service is reset while no old pod is ready": _day(
        Event(0, Unready(Whose.STABLE, 5)), Event(30, GitOps("Service")), Event(60, AllReady()), **_STEPPING
    ),
    "the Service is reset while the old version is warm": _day(Event(5, GitOps("Service")), **_BAKING),
    "containers restart while the Services follow": _day(
        Event(0.05, Ask("promote", to_end=True)), Event(1, Restarts(2)), shape=Shape.BLUE_GREEN, seed=9, **_STEPPING
    ),
    "the Service is reset while nobody acts, and the old version has been warm for long enough": _day(
        Event(5, Kill(1, False, 0.0)), Event(160, GitOps("Service")), ends="promoted", **_BAKING
    ),
    "the route is deleted": _day(Event(5, Remove("HTTPRoute")), Event(40, AllReady()), **_STEPPING),
    "the Service is deleted": _day(Event(5, Remove("Service")), Event(40, AllReady()), **_STEPPING),
    "a step is promoted": _day(Event(5, Ask("promote")), **_STEPPING),
    "a step is promoted by a controller that dies": _day(
        Event(1, Kill(2, True, 1.0)), Event(1, Ask("promote")), **_STEPPING
    ),
    "everything is promoted": _day(Event(5, Ask("promote", to_end=True)), **_STEPPING),
    "a restart by a controller that dies": _day(Event(1, Kill(1, True, 1.0)), Event(1, Ask("restart"))),
    "an abort and another try": _day(Event(5, Ask("abort")), Event(70, Ask("retry")), ends="promoted", **_STEPPING),
    "an undo": _day(Event(160, Ask("undo")), **_BAKING),
    "the old version in the middle": _day(Event(5, Release("v1")), **_STEPPING),
    "another version while the old one is warm": _day(Event(5, Release("v3")), **_BAKING),
    "fewer pods in the middle": _day(Event(5, Scale(1)), Event(30, Scale(5)), **_STEPPING),
    "the Rollout is deleted while the old version is warm": _day(Event(5, Leave()), **_BAKING),
    "the Rollout is deleted while the old version cannot answer": _day(
        Event(5, Unready(Whose.STABLE, 5)), Event(3, Leave()), routed=False, replicas=1, **_BAKING
    ),
    "the Rollout of an adopted workload is deleted": _day(Event(5, Leave()), adopted=True, **_STEPPING),
    "an old write arrives after an abort": _day(
        Event(55, Harm(Trouble.HELD, 40.0)), Event(20, Ask("abort")), Event(60, Ask("retry")), **_STEPPING
    ),
    "the leader's writes arrive when another one leads": _day(
        Event(55, Harm(Trouble.HELD, 40.0)),
        Event(1, Partition(120.0)),
        Event(70, Ask("abort")),
        controllers=2,
        **_STEPPING,
    ),
    "the only conflict of the day": _day(Event(0, _RELEASE), Event(0, Harm(Trouble.CONFLICTS, 40.0)), judged=False),
    "the only errors of the day": _day(Event(0, _RELEASE), Event(0, Harm(Trouble.ERRORS, 40.0)), judged=False),
    "the API server is away for a while": _day(
        Event(0, _RELEASE), Event(0, Harm(Trouble.UNAVAILABLE, 40.0)), judged=False
    ),
    "another controller starts, and nothing happens any more": _day(
        Event(0, Kill(1, False, 20.0)), judged=False, **_STEPPING
    ),
    "another controller starts, and lists are slow": _day(
        Event(0, Kill(1, False, 1.0)), Event(0, Harm(Trouble.SLOW_LISTS, 120.0, 40)), judged=False, seed=1, **_STEPPING
    ),
    "writes are slow, and people ask by the API": _day(
        Event(0, Harm(Trouble.DELAY, 120.0)),
        Event(1, _RELEASE),
        *[Event(1.5, Ask(verb, by_status=True)) for verb in ("pause", "resume") * 4],
    ),
    "another version is asked for while errors cannot be answered": _day(
        Event(5, Harm(Trouble.ROUTES_REFUSED, 60.0)), Event(5, _BAD), Event(30, Release("v3")), **_STEPPING
    ),
    "the route is reset twice in a step and once in the next": _day(
        Event(5, GitOps("HTTPRoute")),
        Event(8, GitOps("HTTPRoute")),
        Event(65, GitOps("HTTPRoute")),
        ends="promoted",
        **_STEPPING,
    ),
    "a paused release whose pods are gone for long": _day(
        Event(5, Ask("pause")), Event(1, Unready(Whose.CANARY, 5)), Event(700, AllReady()), ends="promoted", **_STEPPING
    ),
    "the controller dies right after traffic was taken, and errors are over": _day(
        Event(20, _BAD), Event(28, Kill(1, True, 1.0)), Event(3, Weather(Sky.GOOD)), ends="aborted", **_STEPPING
    ),
    "the finalizer is gone when a container has restarted, and a controller starts": _day(
        Event(0, Kill(1, False, 20.0)), Event(1, Restarts()), Event(2, Remove("Finalizer")), ends="aborted", **_STEPPING
    ),
    "a version that is refused, and one that is not": _day(
        Event(0, Release("refused")), Event(30, _RELEASE), ends="promoted"
    ),
    "fewer pods while nobody acts, and the old version has been warm for long enough": _day(
        Event(25, Kill(1, False, 100.0)),
        Event(1, Scale(2)),
        Event(140, AllReady()),
        judged=False,
        ends="promoted",
        **_BAKING,
    ),
    "a silent canary, and a policy to hold": _day(
        Event(1, Weather(Sky.SILENT)),
        Event(170, Weather(Sky.GOOD)),
        Event(1, Ask("resume")),
        no_data="hold",
        ends="promoted",
        **_STEPPING,
    ),
    "a silent canary, and a policy to abort": _day(
        Event(1, Weather(Sky.SILENT)),
        Event(170, Weather(Sky.GOOD)),
        no_data="abort",
        ends="aborted: it stopped",
        **_STEPPING,
    ),
    "no metrics for a minute, but the canary had traffic for less": _day(
        Event(1, Weather(Sky.NONE)),
        Event(69, Unready(Whose.CANARY, 5)),
        Event(20, AllReady()),
        Event(35, Weather(Sky.GOOD)),
        no_data="abort",
        ends="promoted",
        **_STEPPING,
    ),
    "no metrics, and a policy to abort": _day(
        Event(1, Weather(Sky.NONE)), Event(170, Weather(Sky.GOOD)), no_data="abort", ends="aborted: ", **_STEPPING
    ),
    "errors of which a check only warns": _day(Event(5, _BAD), warns=True, ends="promoted", **_STEPPING),
    "the container restarts once": _day(Event(5, Restarts(1)), ends="promoted", **_STEPPING),
    "everything is promoted, and the old version need not stay warm": _day(
        Event(5, Ask("promote", to_end=True)), Event(8, Ask("promote")), ends="promoted", **_STEPPING
    ),
    "no metrics when the old version has been warm for long enough": _day(
        Event(30, Weather(Sky.ERROR)), Event(160, AllReady()), ends="promoted", **_BAKING
    ),
    "another version of an adopted workload, and nobody hears of it for long": _day(
        Event(0, Ask("promote", to_end=True)),
        Event(0, Harm(Trouble.SILENT_WATCHES, 2.0, 40)),
        Event(0, Release("v3")),
        adopted=True,
        begin=Begin.ABORTING,
        seed=292,
        ends="promoted",
    ),
    "the leader is cut off": _day(Event(5, Partition(120.0)), Event(70, AllReady()), controllers=2, **_STEPPING),
}

DEATHS: dict[str, Schedule] = {
    f"death {'after' if after else 'before'} write {write} {what}": _day(
        Event(0, Kill(write, after, 1.0)), Event(0, action), Event(120, AllReady()), **setup
    )
    for what, action, setup in (("of a release", _RELEASE, {}), ("of an abort", Ask("abort"), _STEPPING))
    for write in (1, 2, 3, 4, 6)
    for after in (False, True)
}
