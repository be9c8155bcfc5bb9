import pytest

from analysis import queries
from analysis.checks import Latency, Query, Ratio
from analysis.queries import problem, selector, validate, validate_selector
from analysis.selectors import Matcher, Selection, Selector, SelectorError


@pytest.mark.parametrize(
    ("expr", "place"),
    [
        ("a b", "at character 3, 'b'"),
        ('a{x="1"}}', "at character 9, '}'"),
        ("a +", "at character 4, the end"),
        ("sum(rate(a[5m])) / / b", "at character 20, '/'"),
        ("histogram_quantile(0.9, sum by (le) (rate(a[5m])) > > 3", "at character 53, '>'"),
        ("sum by x (a)", "at character 8, 'x'"),
        ("a * on (x) group_left) b", "at character 22, ')'"),
        ("a[5x]", "'5x'"),
        ("foo(a)", "unknown function with name 'foo' at character 1; check its name"),
        ("rate(a)", "a function over time needs a range, as in x[5m]"),
        ('a{x="\\d"}', r"in a string a backslash is written \\"),
        ('a{x=~"(?=b)"}', "RE2 syntax"),
        ("", "empty; write a query"),
        ('a{x="{{servic}}"}', "there is no {{servic}} here"),
    ],
)
def test_a_wrong_query_is_refused_with_its_place_or_a_remedy(expr: str, place: str):
    assert place in (validate(expr) or "")


@pytest.mark.parametrize(
    "expr",
    [
        'sum(rate(requests_total{service="{{service}}",code=~"5.."}[1m])) / sum(rate(requests_total[1m]))',
        'histogram_quantile(0.99, sum by (le) (rate(d_bucket{pod=~"{{pods}}"}[{{args.window}}]))) > {{args.limit}}',
        '{{args.metric}}{pod=~"{{pods}}"} / {{args.divisor}}',
    ],
)
def test_a_right_template_has_no_problem(expr: str):
    assert validate(expr) is None


def test_arguments_are_checked_where_they_are_known():
    assert validate("rate(a[{{args.w}}])", args=(("w", "5m"),)) is None
    assert "there is no {{args.w}}" in (validate("rate(a[{{args.w}}])", args=()) or "")


def test_a_selector_is_taken_apart_into_name_and_matchers():
    found = selector('sum(a{x="1",y!="2"}) + (b{x=~"3|4"} + {__name__="c",y!~"5"})')
    assert found == Selection(
        (
            Selector("a", (Matcher("x", "=", "1"), Matcher("y", "!=", "2"))),
            Selector("b", (Matcher("x", "=~", "3|4"),)),
            Selector("c", (Matcher("y", "!~", "5"),)),
        )
    )


@pytest.mark.parametrize("expr", ['a{x="q\\"\\\\\\n"}', '{"a.b","x.y"="1"}', '{__name__=~"a|b"}', "a"])
def test_a_selector_reads_in_promql_as_it_was_written(expr: str):
    (found,) = selector(expr).selectors
    assert selector(str(found)) == Selection((found,))


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        (
            "rate(a[5m])",
            "rate() of a counter is not a counter, and increments are taken here; write the counter itself",
        ),
        ("a - b", "counters can only be added"),
        ("a + on(x) b", "with a plain +"),
        ("sum by (x) (a)", "only a plain sum()"),
        ("count(a)", "only a plain sum()"),
        ("a offset 5m", "take offset and @ away"),
        ('a{x="1" or y="2"}', "add two selectors with +"),
        ("a[5m]", "write the counter itself"),
        ("1", "write the counter itself"),
        ("a{", "at character 3, the end"),
    ],
)
def test_what_is_not_a_sum_of_counters_is_refused_with_what_to_write(expr: str, said: str):
    with pytest.raises(SelectorError) as refusal:
        selector(expr)
    assert said in str(refusal.value)
    assert said in (validate_selector(expr) or "")


def test_the_problem_of_a_check_names_check_and_field():
    assert queries.problem(Ratio(name="errors", bad="a - b", total="a")) == (
        "errors: ratio.bad: a - b: counters can only be added, with a plain +; write the counter itself, as in"
        " requests_total{...}, or a sum of counters with + or sum()"
    )
    assert (problem(Latency(name="p99", histogram="1", below=0.5)) or "").startswith("p99: latency.histogram: ")
    assert (problem(Query(name="q", expr="(", max=1)) or "").startswith("q: query.expr: ")
    assert problem(Ratio(name="errors", bad='a{code="500"}', total="a")) is None
