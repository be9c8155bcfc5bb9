"""Schedules for Hypothesis: short ones first, which is what a failing one shrinks to."""

from hypothesis import strategies as st

from tests.simulation.schedule import (
    Action,
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

_MOST_EVENTS = 7
_GAPS = st.sampled_from([0.0, 0.05, 0.3, 1.0, 4.0, 12.0, 30.0, 70.0, 160.0])
_SPANS = st.sampled_from([2.0, 10.0, 40.0, 120.0])
_VERBS = ["promote", "abort", "pause", "resume", "retry", "undo", "restart"]
_COUNTS = st.sampled_from([1, 2, 5])

_people: st.SearchStrategy[Action] = st.one_of(
    st.builds(Release, st.sampled_from(["v2", "v3", "v1"])),
    st.builds(Ask, st.sampled_from(_VERBS), by_status=st.booleans()),
    st.just(Ask("promote", to_end=True)),
    st.builds(Scale, st.sampled_from([1, 2, 5])),
    st.builds(GitOps, st.sampled_from(["HTTPRoute", "Service"])),
    st.builds(Remove, st.sampled_from(["HTTPRoute", "Service", "CanaryService"]), _SPANS),
)
_nature: st.SearchStrategy[Action] = st.one_of(
    st.builds(Weather, st.sampled_from(list(Sky))),
    st.builds(Unready, st.sampled_from(list(Whose)), _COUNTS),
    st.just(AllReady()),
    st.just(Restarts()),
)
_faults: st.SearchStrategy[Action] = st.one_of(
    st.builds(Kill, write=st.integers(1, 9), after=st.booleans(), seconds=st.sampled_from([0.0, 1.0, 20.0])),
    st.builds(Partition, _SPANS),
    st.builds(Harm, st.sampled_from(list(Trouble)), _SPANS, st.sampled_from([100, 40, 15])),
)
_events = st.lists(st.builds(Event, _GAPS, st.one_of(_people, _nature, _faults)), max_size=_MOST_EVENTS)
_leaving = st.sampled_from([(), (), (), (), (), (), (), (Event(3.0, Leave()),)])

setups = st.builds(
    Setup,
    shape=st.sampled_from([Shape.CANARY, Shape.CANARY, Shape.BLUE_GREEN]),
    routed=st.sampled_from([True, True, True, False]),
    ingress=st.sampled_from([False, False, True]),
    adopted=st.sampled_from([False, False, False, True]),
    judged=st.sampled_from([True, True, True, False]),
    lag=st.sampled_from([0.0, 0.0, 0.0, 20.0]),
    warns=st.sampled_from([False, False, False, True]),
    no_data=st.sampled_from(["", "", "hold", "abort"]),
    begin=st.sampled_from([Begin.STEPPING, Begin.SETTLED, Begin.BAKING, Begin.ABORTING, Begin.FIRST]),
    replicas=st.sampled_from([3, 1, 4]),
    controllers=st.sampled_from([1, 1, 1, 1, 2]),
    seed=st.integers(0, 1_000),
)


def _schedule(setup: Setup, events: list[Event], leaving: tuple[Event, ...]) -> Schedule:
    return Schedule(setup, (*events, *leaving))


schedules: st.SearchStrategy[Schedule] = st.builds(_schedule, setups, _events, _leaving)
