import pytest

from analysis.checks import Latency, Ratio, Subject, Usage
from analysis.queries import selector
from analysis.readings import Asking, Counting, Native, Tailing, Using, reading
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
        Native(selector('d_seconds{s="shop"}'), 0.5),
    )


def test_a_latency_without_a_bound_asks_for_every_bucket():
    check = Latency(name="tail", histogram='d_seconds{s="{{service}}"}')
    assert reading(check, SUBJECT) == Tailing(selector('d_seconds_bucket{s="shop"}'), selector('d_seconds{s="shop"}'))


def test_more_is_better_asks_for_the_good():
    check = Ratio(name="paid", good='paid{s="{{service}}"}', total='all{s="{{service}}"}')
    assert reading(check, SUBJECT) == Counting(
        selector('all{s="shop"}'), selector('paid{s="shop"}'), "good", "no series matches ratio.good"
    )


def test_usage_asks_for_what_is_used_and_for_the_requests():
    cpu = Usage(name="cpu", counter='cpu_seconds{p=~"{{pods}}"}', per='all{s="{{service}}"}')
    assert reading(cpu, SUBJECT) == Using(selector('cpu_seconds{p=~"(?:a|b)"}'), True, selector('all{s="shop"}'))
    memory = Usage(name="memory", gauge='memory_bytes{p=~"{{pods}}"}')
    assert reading(memory, SUBJECT) == Using(selector('memory_bytes{p=~"(?:a|b)"}'), False, None)


def test_a_query_asks_for_its_expression():
    assert reading(a_query(expr='depth{p=~"{{pods}}"}'), SUBJECT) == Asking('depth{p=~"(?:a|b)"}')


@pytest.mark.parametrize(
    ("histogram", "said"),
    [('d{le="0.5"}', "take the matcher on le away"), ('{__name__=~"d|e"}', "name the histogram")],
)
def test_a_histogram_that_leaves_no_choice_of_bucket_is_refused(histogram: str, said: str):
    with pytest.raises(SelectorError, match=said):
        reading(a_latency(histogram=histogram), SUBJECT)
