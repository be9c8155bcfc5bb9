import promql_parser
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.checks import Subject
from analysis.selectors import Matcher, matches
from analysis.templates import TemplateError, placeholders, render, variables

SUBJECT = Subject(
    side="canary", revision="a31d0", namespace="store", service="shop-canary", pods=("shop-a31d0-x", "shop-a31d0-y")
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
QUOTES = st.sampled_from("\"'")


def filled(template: str, **args: str) -> str:
    return render(template, variables(SUBJECT, tuple(args.items())))


def label(query: str) -> str:
    """The value of the only matcher of the only selector: what Prometheus will compare with."""
    tree = promql_parser.parse(query)
    assert isinstance(tree, promql_parser.VectorSelector)
    (matcher,) = tree.matchers.matchers
    assert (tree.name, matcher.name) == ("x", "l")
    return str(matcher.value)


def test_every_variable_of_a_side_stands_in_the_query():
    template = 'x{n="{{namespace}}",s="{{ service }}",r="{{revision}}",p=~"{{pods}}",a=\'{{args.code}}\'}'
    assert filled(template, code="5..") == (
        'x{n="store",s="shop-canary",r="a31d0",p=~"(?:shop-a31d0-x|shop-a31d0-y)",a=\'5..\'}'
    )


@pytest.mark.parametrize(
    ("beside", "suffix", "told", "others"),
    [
        (
            True,
            "-canary",
            ("store-shop-canary-80", "store-shop-canary-http"),
            ("", "store-shop-80", "x-shop-canary-80"),
        ),
        (False, "", ("",), ("store-shop-canary-80", "store-shop-80")),
    ],
)
def test_a_service_beside_another_is_told_from_that_where_a_proxy_names_both_after_one(
    beside: bool, suffix: str, told: tuple[str, ...], others: tuple[str, ...]
):
    subject = Subject(side="canary", revision="r", namespace="store", service="shop-canary", beside=beside)
    pattern = label(render('x{l=~"{{ingressCanary}}"}', variables(subject)))
    assert [matches([Matcher("l", "=~", pattern)], {"l": each}) for each in told] == [True] * len(told)
    assert [matches([Matcher("l", "=~", pattern)], {"l": each}) for each in others] == [False] * len(others)
    assert label(render('x{l="shop-80{{suffix}}"}', variables(subject))) == f"shop-80{suffix}"


@given(TEXT, QUOTES)
def test_a_value_in_a_string_is_that_value_whatever_it_is(value: str, quote: str):
    assert label(filled(f"x{{l={quote}{{{{args.v}}}}{quote}}}", v=value)) == value


@given(TEXT, TEXT, QUOTES)
def test_a_value_in_an_expression_matches_itself_and_nothing_else(value: str, other: str, quote: str):
    assume(value != other)
    pattern = label(filled(f"x{{l=~{quote}{{{{args.v}}}}{quote}}}", v=value))
    assert matches([Matcher("l", "=~", pattern)], {"l": value})
    assert not matches([Matcher("l", "=~", pattern)], {"l": other})


@given(st.lists(TEXT, max_size=4), TEXT)
def test_the_pods_match_exactly_their_names_and_no_pods_match_nothing(pods: list[str], other: str):
    subject = Subject(side="canary", revision="r", namespace="n", pods=tuple(pods))
    pattern = label(render('x{l=~"{{pods}}"}', variables(subject)))
    assert [matches([Matcher("l", "=~", pattern)], {"l": each}) for each in pods] == [True] * len(pods)
    assert matches([Matcher("l", "=~", pattern)], {"l": other}) == (other in pods)


def test_what_follows_a_value_applies_to_the_whole_of_it():
    pattern = label(filled('x{l=~"{{args.v}}+"}', v="ab"))
    assert matches([Matcher("l", "=~", pattern)], {"l": "abab"})
    assert not matches([Matcher("l", "=~", pattern)], {"l": "abb"})


def test_numbers_names_and_durations_may_stand_outside_of_strings():
    assert filled("rate({{args.m}}[{{args.w}}]) > {{args.n}}", m="requests:total", w="5m", n="0.5") == (
        "rate(requests:total[5m]) > 0.5"
    )


def test_comments_are_left_alone():
    assert filled("x # {{nonsense}} 'quote") == "x # {{nonsense}} 'quote"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ('x{l="{{ingressCanary}}"}', 'stands for several values: match it with =~, as in canary=~"{{ingressCanary}}"'),
        (
            'x{l="{{srv}}"}',
            "there is no {{srv}} here; there are {{args.v}}, {{ingressCanary}}, {{namespace}}, {{pods}},"
            " {{revision}}, {{service}}, {{suffix}}",
        ),
        ('x{l="{{pods}}"}', "match it with =~"),
        ("x{l=`{{service}}`}", "double quotes"),
        ('x{l="{{service"}', "never closed"),
        ('x{l="{{ser vice}}"}', "is not a placeholder"),
        ('x{l="{{service}}', "is never closed"),
        ("{{service}}", "outside of a string"),
        ("x > {{args.v}}", "only a name, number or duration"),
        ('{"{{service}}"}', "is not the value of a label matcher"),
        ('label_replace(x, "a", "{{service}}", "b", ".*")', "is not the value of a label matcher"),
        (r'x{l="\\\{{service}}"}', "behind a backslash"),
        (r'x{l=~"\\{{service}}"}', "behind a backslash"),
        (r'x{l=~"\x5c{{service}}"}', "behind a backslash"),
        (r'x{l=~"\134{{service}}"}', "behind a backslash"),
        (r'x{l=~"\\Q{{service}}"}', r"behind \Q"),
        ('x{l=~"[{{service}}]"}', "character class"),
        ('x{l=~"[^]{{service}}]"}', "character class"),
        (r'x{l=~"a[\\]{{service}}]"}', "character class"),
        (r'x{l=~"\x5b{{service}}]"}', "character class"),
        ('x{l=~"[[:alpha:]{{service}}]"}', "character class"),
    ],
)
def test_a_placeholder_where_it_could_mean_something_else_is_refused(template: str, problem: str):
    with pytest.raises(TemplateError) as refusal:
        filled(template, v="1 or up")
    assert problem in str(refusal.value)


@pytest.mark.parametrize(
    "template",
    [r'x{l=~"\\\\{{service}}"}', 'x{l=~"[a]{{service}}"}', 'x{l=~"[]a]{{service}}"}', r'x{l=~"\\[{{service}}"}'],
)
def test_a_placeholder_behind_what_only_looks_dangerous_is_filled_in(template: str):
    assert filled(template) == template.replace("{{service}}", "(?:shop-canary)")


@pytest.mark.parametrize("keyword", ["or", "AND", "unless", "offset", "NaN"])
def test_an_argument_outside_of_strings_is_never_an_operator(keyword: str):
    with pytest.raises(TemplateError):
        filled("a {{args.v}}", v=keyword)


def test_half_a_character_is_refused():
    with pytest.raises(TemplateError, match="surrogate"):
        filled('x{l="{{args.v}}"}', v="\ud800")


def test_there_is_no_service_where_the_rollout_has_none():
    subject = Subject(side="stable", revision="r", namespace="n")
    with pytest.raises(
        TemplateError, match=r"there is no \{\{service}} here; there are \{\{namespace}}, \{\{pods}}, \{\{revision}}"
    ):
        render('x{l="{{service}}"}', variables(subject))


def test_placeholders_are_named():
    assert placeholders('x{a="{{ service }}",b="{{args.x}}"}') == {"service", "args.x"}
