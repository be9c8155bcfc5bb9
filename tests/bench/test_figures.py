"""What the bench makes of what it has seen: which requests belong to a step, and which budgets are missed."""

from bench.budgets import Count, Time
from bench.report import Report, as_json
from bench.requests import Costs, Entering, Phase, entering
from bench.shops import Entry
from controlplane.audit import Asked


def asked(verb: str, resource: str, name: str, at: float, *, subresource: str = "", code: int = 200) -> Asked:
    return Asked(
        user="it", verb=verb, resource=resource, subresource=subresource, name=name, received=at, answered=at, code=code
    )


ROUTE = asked("patch", "httproutes", "shop-01", 10.1)
STATUS = asked("patch", "rollouts", "shop-01", 10.2, subresource="status")
RUN = asked("patch", "rolloutruns", "shop-01-2", 10.2, subresource="status")
SCALING = asked("patch", "deployments", "shop-01-5d4f", 20.0)
COUNT = Count(name="writes", counted=(3, 4), budget=3)
IDLE = Phase(name="at rest", rollouts=2, requests=(STATUS, STATUS, asked("watch", "pods", "", 1, code=410)))


def test_what_it_takes_to_enter_a_step_is_what_was_written_for_this_rollout_until_traffic_flows() -> None:
    entries = {("shop-01", index): Entry(10.0 * index, 10.0 * index + 0.3) for index in range(4)}
    others = (
        asked("patch", "httproutes", "shop-02", 10.1),
        asked("create", "events", "shop-01.5d4f", 10.1),
        asked("patch", "leases", "shop-01", 10.1),
        asked("get", "rollouts", "shop-01", 10.1),
        asked("patch", "rollouts", "shop-01", 14.0, subresource="status"),
        asked("patch", "rollouts", "shop-01", 0.1, subresource="status"),
        asked("delete", "services", "shop-01-canary", 30.1),
    )
    found = entering(entries, (ROUTE, *others, STATUS, RUN, SCALING))
    assert found == (Entering(writes=(ROUTE, STATUS, RUN)), Entering(writes=(SCALING,)))
    assert [each.scales for each in found] == [False, True]


def test_a_budget_is_met_by_the_worst_and_not_by_nothing() -> None:
    assert COUNT.is_met is False
    assert Count(name="writes", counted=(3, 3), budget=3).is_met is True
    assert Count(name="writes", counted=(), budget=3).is_met is False


def test_a_missed_count_is_a_missed_budget_and_a_missed_time_is_only_marked() -> None:
    slow = Time(name="first write", seconds=(0.05, 0.2, 0.01), budget=0.1)
    costs = Costs(phases=(IDLE,), counts=(COUNT, Count(name="reads", counted=(0,), budget=0)))
    told = as_json(Report(costs={"kubernetes": costs}, reactions={"sandbox": (slow,)}))
    del told["machine"]
    assert told == {
        "requests": {
            "kubernetes": {
                "phases": [
                    {
                        "name": "at rest",
                        "rollouts": 2,
                        "asked": [
                            {"verb": "patch", "resource": "rollouts/status", "requests": 2},
                            {"verb": "watch", "resource": "pods", "requests": 1},
                        ],
                        "refused": 1,
                    }
                ],
                "budgets": [
                    {"name": "writes", "worst": 4, "budget": 3, "met": False},
                    {"name": "reads", "worst": 0, "budget": 0, "met": True},
                ],
            }
        },
        "seconds": {"sandbox": [{"name": "first write", "runs": (0.05, 0.2, 0.01), "budget": 0.1, "met": False}]},
        "missed": ("kubernetes: writes",),
    }
