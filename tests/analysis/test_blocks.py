from hypothesis import given
from hypothesis import strategies as st

from analysis.blocks import Closed, Reports, close, expected, left
from analysis.growth import Growth

INTERVAL = 10.0


def one(at: float, reporter: str = "a", total: float = 10, bad: float = 0) -> Growth:
    return Growth(at, reporter, total, (bad,))


def side(*growths: Growth, of: str = "", asked: float = 20) -> Reports:
    names = frozenset(of.split()) or frozenset(each.reporter for each in growths)
    return Reports(growths=tuple(sorted(growths)), asked=asked, expected=names)


def block(canary: Reports, stable: Reports | None) -> Closed | None:
    return close(0, canary, stable, interval=INTERVAL)


def test_a_block_ends_with_the_last_of_one_scrape_of_every_reporter():
    canary, stable = side(one(4)), side(one(6, "x"), one(7, "y"))
    assert block(canary, stable) == Closed(0, 7, (one(4),), (one(6, "x"), one(7, "y")))


def test_a_block_waits_for_every_reporter():
    canary, stable = side(one(4), of="a b"), side(one(6, "x"))
    assert block(canary, stable) is None


def test_after_three_intervals_a_block_is_closed_without_who_does_not_come():
    stable = side(one(6, "x"), one(16, "x"))
    assert block(side(one(4), one(14), of="a b", asked=34), stable) is None
    found = block(side(one(4), one(14), of="a b", asked=34.5), stable)
    assert found == Closed(0, 6, (one(4),), (one(6, "x"),), frozenset({("canary", "b")}))


def test_a_side_that_could_not_be_asked_since_is_waited_for():
    later = side(*(one(4 + INTERVAL * number) for number in range(100)), asked=1000)
    assert block(later, side(of="x", asked=20)) is None
    assert block(later, side(asked=0)) is None


def test_a_side_of_which_nobody_was_ever_heard_is_waited_for_too():
    assert block(side(one(4)), side()) is None
    assert block(side(one(4)), side(asked=40)) == Closed(0, 4, (one(4),), (), frozenset({("stable", "")}))


def test_without_a_stable_side_the_canary_alone_makes_blocks():
    assert block(side(one(4), one(14)), None) == Closed(0, 4, (one(4),), ())


def test_without_anything_new_there_is_no_block():
    assert block(side(of="a", asked=1000), side(of="x", asked=1000)) is None


def test_a_reporter_whose_next_scrape_may_still_belong_to_the_block_is_waited_for():
    canary, stable = side(one(0.5), asked=10), side(one(9.8, "x"), asked=10)
    assert block(canary, stable) is None
    assert block(side(one(0.5), one(10.5), asked=11), stable) == Closed(0, 9.8, (one(0.5),), (one(9.8, "x"),))


def test_whoever_was_counted_before_and_is_gone_is_in_the_block_and_not_waited_for():
    canary = side(one(4), one(5, "gone", bad=3), of="a")
    assert block(canary, side(one(6, "x"))) == Closed(0, 6, (one(4), one(5, "gone", bad=3)), (one(6, "x"),))


def test_pods_of_the_cluster_are_expected_where_pods_report_and_else_whoever_reported_lately():
    reported = {"a": 100.0, "b": 95.0, "old": 60.0}
    assert expected(reported, pods=("a", "new"), absent=(), interval=INTERVAL) == {"a", "new"}
    assert expected(reported, pods=("a", "new"), absent=("new",), interval=INTERVAL) == {"a"}
    assert expected(reported, pods=("other",), absent=(), interval=INTERVAL) == {"a", "b"}
    assert expected({}, pods=("a",), absent=(), interval=INTERVAL) == frozenset()


@given(
    offsets=st.lists(st.floats(0, 9.5), min_size=2, max_size=5),
    scrapes=st.integers(1, 12),
    pauses=st.lists(st.integers(0, 12), max_size=4),
)
def test_blocks_hold_every_scrape_once_and_do_not_depend_on_when_one_looks(
    offsets: list[float], scrapes: int, pauses: list[int]
):
    """The same blocks are made at one look at the end and at many on the way."""
    names = [f"p{place}" for place in range(len(offsets))]
    growths = sorted(
        one(round(offset, 3) + INTERVAL * number, name)
        for name, offset in zip(names, offsets, strict=True)
        for number in range(1, scrapes + 1)
    )
    looks = sorted({*(pause * INTERVAL + 3 for pause in pauses), (scrapes + 1) * INTERVAL + 9.5})
    assert _made(growths, names, looks) == _made(growths, names, looks[-1:])


def _made(growths: list[Growth], names: list[str], looks: list[float]) -> list[Closed]:
    found, until = [], 0.0
    for now in looks:
        while True:
            visible = tuple(each for each in growths if until < each.at <= now)
            sides = [
                Reports(growths=tuple(e for e in visible if e.reporter in whose), asked=now, expected=frozenset(whose))
                for whose in (names[:1], names[1:])
            ]
            closed = close(until, *sides, interval=INTERVAL)
            if closed is None:
                break
            found.append(closed)
            until = closed.end
    return found


def test_what_a_block_holds_is_left_out_of_the_next():
    assert left((one(4), one(6), one(14)), 6) == (one(14),)
