import pytest

from analysis.checks import Subject
from analysis.queries import selector
from analysis.readings import Asking, Counting, reading
from analysis.selectors import SelectorError
from tests.analysis.builders import a_latency, a_query, a_ratio

SUBJECT = Subject(side="canary", revision="v2", namespace="n", service="shop", pods=("a", "b"))


def test_a_ratio_asks_for_all_and_for_the_bad():
    check = a_ratio(
        bad='all{s="{{service}}",code="{{args.code}}"}', total='all{s="{{service}}"}', args=(("code", "500"),)
    )
    assert reading(check, SUBJECT) == Counting(selector('all{s="shop"}'), selector('all{s="shop",code="500"}'), "bad")


@pytest.mark.parametrize("name", ["d_seconds", "d_seconds_bucket"])
def test_a_latency_asks_for_all_buckets_and_for_the_one_below_its_bound(name: str):
    assert reading(a_latency(histogram=f'{name}{{s="{{{{service}}}}"}}'), SUBJECT) == Counting(
        selector('d_seconds_bucket{s="shop",le="+Inf"}'),
        selector('d_seconds_bucket{s="shop",le=~"0\\\\.5|5\\\\.0E-1|5e-01"}'),
        "good",
        "the histogram has no bucket bound at 0.5 s; choose a bound it has",
    )


def test_a_query_asks_for_its_expression():
    assert reading(a_query(expr='depth{p=~"{{pods}}"}'), SUBJECT) == Asking('depth{p=~"(?:a|b)"}')


@pytest.mark.parametrize(
    ("histogram", "said"),
    [('d{le="0.5"}', "take the matcher on le away"), ('{__name__=~"d|e"}', "name the histogram")],
)
def test_a_histogram_that_leaves_no_choice_of_bucket_is_refused(histogram: str, said: str):
    with pytest.raises(SelectorError, match=said):
        reading(a_latency(histogram=histogram), SUBJECT)
