import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.queries import selector
from analysis.sources.exposition import ExpositionError, Sample, parse

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20)
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,10}", fullmatch=True)

PAGE = """
# HELP requests_total How many.
# TYPE requests_total counter
requests_total{code="200",path="/a b"} 1027 1395066363000
requests_total{code="500",path="C:\\\\dir\\\\\\"x\\"\\n{}"} 3
requests_total_other 5
plain 12.5
spaced  {  a = "1" , } 2e3
infinite +Inf
nothing NaN
{"quoted.name", "la.bel"="v"} 4
openmetrics_total{le="+Inf"} 17 # {trace="a b"} 0.5 1.5
# EOF
"""


def test_every_form_of_a_line_is_read():
    page = parse(PAGE)
    assert page.samples("requests_total") == (
        Sample("requests_total", {"code": "200", "path": "/a b"}, 1027.0),
        Sample("requests_total", {"code": "500", "path": 'C:\\dir\\"x"\n{}'}, 3.0),
    )
    assert page.samples("plain") == (Sample("plain", {}, 12.5),)
    assert page.samples("spaced") == (Sample("spaced", {"a": "1"}, 2000.0),)
    assert page.samples("infinite") == (Sample("infinite", {}, math.inf),)
    assert math.isnan(page.samples("nothing")[0].value)
    assert page.samples("quoted.name") == (Sample("quoted.name", {"la.bel": "v"}, 4.0),)
    assert page.samples("openmetrics_total") == (Sample("openmetrics_total", {"le": "+Inf"}, 17.0),)
    assert page.samples("absent") == ()


@given(st.dictionaries(NAMES, TEXT, max_size=4), st.floats(allow_nan=False))
def test_what_was_written_is_what_is_read(labels: dict[str, str], value: float):
    escaped = {
        name: text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') for name, text in labels.items()
    }
    inside = ",".join(f'{name}="{text}"' for name, text in escaped.items())
    assert parse(f"m{{{inside}}} {value!r}\n").samples("m") == (Sample("m", labels, value),)


@given(st.text())
def test_any_text_is_read_or_refused(text: str):
    try:
        page = parse(text)
        page.select(selector('{__name__!=""} + {a=~".+"}').selectors[1])
    except ExpositionError:
        pass


@pytest.mark.parametrize(
    "text", ["<html>", "metric", 'm{a="1" 5', 'm{a="1"}', "m{a=1} 5", "m five", 'm{a="1"b="2"} 1', "1m 5"]
)
def test_what_is_no_metric_is_refused(text: str):
    with pytest.raises(ExpositionError):
        parse(text).samples("m")


@pytest.mark.parametrize(
    ("expr", "values"),
    [
        ("m", [1, 2, 3]),
        ('m{code="200"}', [1]),
        ('m{code!="200"}', [2, 3]),
        ('m{code=~"2.."}', [1]),
        ('m{code=~"2"}', []),
        ('m{code=~"200|"}', [1, 3]),
        ('m{code!~"5.."}', [1, 3]),
        ('m{code=""}', [3]),
        ('m{code="200",zone="b"}', []),
        ('{__name__=~"m|n"}', [1, 2, 3, 4]),
        ('m{code=~"5\\\\d{2}"}', [2]),
    ],
)
def test_series_are_picked_as_prometheus_would(expr: str, values: list[float]):
    page = parse('m{code="200",zone="a"} 1\nm{code="503"} 2\nm 3\nn 4\n')
    (wanted,) = selector(expr).selectors
    assert [sample.value for sample in page.select(wanted)] == values


def test_an_expression_made_to_explode_is_answered_at_once():
    page = parse(f'm{{a="{"a" * 20000}!"}} 1\n')
    (wanted,) = selector('m{a=~"(a+)+(a|a)*(.*.*.*)*b"}').selectors
    assert page.select(wanted) == ()
