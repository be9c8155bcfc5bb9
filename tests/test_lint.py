import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.lint import Problem, Severity, lint, render

HEAD = """\
apiVersion: progressive.delivery/v1alpha1
kind: Rollout
metadata:
  name: shop
spec:
"""
SOURCE = "  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n"
STRATEGY = "  strategy: {canary: {steps: [{weight: 5}]}}\n"
TEMPLATE_HEAD = """\
apiVersion: progressive.delivery/v1alpha1
kind: AnalysisTemplate
metadata: {name: web}
spec:
"""


def lines(text: str) -> list[str]:
    return render(lint(text, "x.yaml")).splitlines()


def spec(body: str, *, rest: str = SOURCE + STRATEGY) -> str:
    """A Rollout whose spec begins on line 6 with `body`."""
    return HEAD + textwrap.indent(textwrap.dedent(body).strip() + "\n", "  ") + rest


def steps(body: str) -> str:
    """A Rollout whose steps begin on line 9."""
    canary = textwrap.indent(textwrap.dedent(body).strip() + "\n", "      ")
    return HEAD + "  strategy:\n    canary:\n      steps:\n" + canary + SOURCE


def checks(body: str, *, rest: str = "  services: [{name: shop}]\n") -> str:
    """A Rollout whose checks begin on line 8."""
    entries = textwrap.indent(textwrap.dedent(body).strip() + "\n", "    ")
    return HEAD + "  analysis:\n    checks:\n" + entries + SOURCE + STRATEGY + rest


def template(body: str) -> str:
    """An AnalysisTemplate whose spec begins on line 5."""
    return TEMPLATE_HEAD + textwrap.indent(textwrap.dedent(body).strip() + "\n", "  ")


def test_a_rollout_that_is_right_has_no_problem() -> None:
    assert lint(HEAD + SOURCE + STRATEGY, "x.yaml") == ()


def test_a_problem_says_where_it_is_what_it_is_and_what_to_do() -> None:
    assert lint(spec("replcas: 3"), "shop.yaml") == (
        Problem(
            file="shop.yaml",
            line=6,
            column=3,
            field="spec.replcas",
            message="spec.replcas is not a field: did you mean replicas?",
            severity=Severity.ERROR,
        ),
    )


def test_problems_are_printed_as_compilers_print_them() -> None:
    problems = (
        Problem("a.yaml", 3, 5, "spec.x", "spec.x is not a field: remove it", Severity.ERROR),
        Problem("a.yaml", 9, 1, "spec.y", "spec.y is odd: change it", Severity.WARNING),
    )
    assert render(problems) == (
        "a.yaml:3:5: error: spec.x is not a field: remove it\na.yaml:9:1: warning: spec.y is odd: change it\n"
    )
    assert render(()) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "1:6: error: this is not YAML: expected ',' or ']', but got '<stream end>'; check indentation,"),
        ("a: 1\n b: 2\n", "2:3: error: this is not YAML: mapping values are not allowed here; check indentation,"),
        ("\ta: 1\n", "1:1: error: this is not YAML: found character '\\t' that cannot start any token; check"),
        ("a: \x00", "1:4: error: special characters are not allowed: remove the character"),
        ("a: !ruby/object x", "1:4: error: this is not YAML: could not determine a constructor for the tag"),
        ("a: !!int x", "1:4: error: 'x' is not what its tag says: remove the tag"),
        ("a: .nan", "1:4: error: .nan is not a number that JSON has: write a finite one"),
        ("? [a]\n: 1", "1:3: error: a key has to be text: quote it if it begins with [ or {"),
        ("&a [*a]", "1:1: error: the document is nested too deep or too large to be one of ours: split it"),
        ("[" * 5000, "1:1: error: this is not YAML: "),
    ],
)
def test_what_is_not_yaml_is_said_at_its_place(text: str, expected: str) -> None:
    (line,) = lines(text)
    assert line.startswith(f"x.yaml:{expected}")


def test_documents_before_the_one_that_is_not_yaml_are_looked_at() -> None:
    assert [(each.line, each.field) for each in lint(spec("replcas: 3") + "---\na: [", "x.yaml")] == [
        (6, "spec.replcas"),
        (10, ""),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "---\n---\n",
        "just text",
        "[1, 2]",
        "apiVersion: v1\nkind: ConfigMap\ndata: {=: 1, a: 2026-01-01, b: 1:30}\n",
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {steps: []}\n",
        "kind: Deployment\n",
    ],
)
def test_other_objects_are_passed_over(text: str) -> None:
    assert lint(text, "x.yaml") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "kind: Rollout\nmetadata: {name: a}\nspec:\n" + SOURCE + STRATEGY,
            ["1:1: error: apiVersion has to be progressive.delivery/v1alpha1: write it so"],
        ),
        (
            HEAD.replace("v1alpha1", "v1") + SOURCE + STRATEGY,
            ["1:13: error: apiVersion has to be progressive.delivery/v1alpha1: write it so"],
        ),
        (
            HEAD.replace("Rollout", "Rolout") + SOURCE + STRATEGY,
            ["2:7: error: kind: 'Rolout' is not known: did you mean Rollout?"],
        ),
        (
            "apiVersion: progressive.delivery/v1alpha1\nmetadata: {name: a}\n",
            [
                "1:1: error: kind: None is not known: write Rollout or AnalysisTemplate or ClusterAnalysisTemplate"
                " or RolloutRun"
            ],
        ),
        (
            HEAD + SOURCE + STRATEGY + "strategy: {}\n",
            ["8:1: error: strategy is not a field: remove it, or move it below spec"],
        ),
        (
            HEAD.replace("  name: shop", "  lables: {}") + SOURCE + STRATEGY,
            ["3:1: error: metadata.name is missing: set it"],
        ),
        (
            HEAD.replace("  name: shop", "  name: shop\n  lables: {}") + SOURCE + STRATEGY,
            ["5:3: error: metadata.lables is not a field: did you mean labels?"],
        ),
        (
            HEAD.replace("shop", "Shop") + SOURCE + STRATEGY,
            ["4:9: error: metadata.name: 'Shop' does not fit: a name has lower-case letters, digits, '-' and '.' only"],
        ),
        (
            HEAD.replace("shop", "s" * 51) + SOURCE + STRATEGY,
            [
                "4:9: error: metadata.name is longer than 50 characters: shorten it,"
                " because the names of its Deployments begin with it"
            ],
        ),
        (HEAD.replace("spec:\n", ""), ["1:1: error: spec is missing: set it"]),
        (HEAD, ["5:1: error: spec has no value: set it, or remove the field"]),
    ],
)
def test_what_every_object_has_to_have(text: str, expected: list[str]) -> None:
    assert lines(text) == [f"x.yaml:{line}" for line in expected]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("replicas: 3\nreplicas: 4", ["7:3: error: spec.replicas is set twice, first on line 6: remove one"]),
        ("replicas: '3'", ['6:13: error: spec.replicas has to be a whole number, not "3": write one like 3']),
        ("replicas: 1.5", ["6:13: error: spec.replicas has to be a whole number, not 1.5: write one like 3"]),
        ("replicas: 10001", ["6:13: error: spec.replicas is 10001: the most is 10000"]),
        ("replicas: -1", ["6:13: error: spec.replicas is -1: the least is 0"]),
        ("replicas:", ["6:3: error: spec.replicas has no value: set it, or remove the field"]),
        (
            "progress_deadline: 5m",
            ["6:3: error: spec.progress_deadline is not a field: did you mean progressDeadline?"],
        ),
        (
            "progressDeadline: 5 min",
            [
                "6:21: error: spec.progressDeadline: '5 min' is not a duration; write hours, minutes, seconds or"
                " milliseconds, like 1h30m or 15s"
            ],
        ),
        ("services: shop", ["6:13: error: spec.services has to be a list: begin each entry with '- '"]),
        (
            "services: [shop]",
            ["6:14: error: spec.services[0] has to be an object: write its fields below it, indented"],
        ),
        ("services: [{name: 7}]", ["6:21: error: spec.services[0].name has to be text: put 7 in quotes"]),
        (
            "services: [{name: on}]",
            [
                "6:21: error: spec.services[0].name has to be text:"
                " put the word in quotes, since YAML makes true of it",
            ],
        ),
        ("services: [{name: ''}]", ["6:21: error: spec.services[0].name is empty: set it"]),
        (
            "services: [{name: Shop}]",
            [
                "6:21: error: spec.services[0].name: 'Shop' does not fit: a name has lower-case letters, digits and"
                " '-' only, and begins and ends with a letter or digit"
            ],
        ),
        (
            f"services: [{{name: {'s' * 51}}}]",
            ["6:21: error: spec.services[0].name is too long: shorten it to 50 characters"],
        ),
        (
            f"services: [{', '.join(f'{{name: s{n}}}' for n in range(11))}]",
            ["6:3: error: spec.services has 11 entries: at most 10 are allowed"],
        ),
        (
            "services:\n- name: a\n- name: b\n- name: a",
            ["9:11: error: spec.services[2].name: 'a' is the name of spec.services[0] already: rename one of them"],
        ),
        (
            "traffic: [{name: public, gatewayRoute: {kind: HttpRoute, name: shop}}]\nservices: [{name: shop}]",
            ["6:49: error: spec.traffic[0].gatewayRoute.kind: 'HttpRoute' is not known: did you mean HTTPRoute?"],
        ),
        (
            "traffic: [{name: public, gatewayRoute: {kind: HTTPRoute, name: shop}}]",
            ["5:1: error: spec: traffic needs services: name the Services that the routes have as backends"],
        ),
        (
            "traffic:\n"
            "- {name: a, gatewayRoute: {kind: HTTPRoute, name: shop}}\n"
            "- {name: b, gatewayRoute: {kind: HTTPRoute, name: shop}}\n"
            "services: [{name: shop}]",
            ["8:15: error: spec.traffic[1].gatewayRoute: HTTPRoute shop is moved by a already: remove one of them"],
        ),
        (
            "traffic:\n- {name: a, ingress: {name: shop}}\n- {name: b, ingress: {name: shop}}\n"
            "services: [{name: shop}]",
            ["8:15: error: spec.traffic[1].ingress: Ingress shop is moved by a already: remove one of them"],
        ),
        (
            "template: {spec: {}}",
            [
                "5:1: error: spec: spec needs exactly one of template and workloadRef: set one of them and remove the"
                " other"
            ],
        ),
        (
            "analysis: {onNoData: {after: 5m, then: wait}}",
            ["6:42: error: spec.analysis.onNoData.then: 'wait' is not known: write hold or advance or abort"],
        ),
        (
            "analysis: {onNoData: {after: 5m}}",
            ["6:14: error: spec.analysis.onNoData.then is missing: set it"],
        ),
    ],
)
def test_a_field_that_is_wrong_on_its_own(body: str, expected: list[str]) -> None:
    assert lines(spec(body)) == [f"x.yaml:{line}" for line in expected]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("- {weight: 5}\n- {weight: 50}\n- {weight: 100}", []),
        ("- {weight: 5}\n- {hold: {for: 5m}}\n- {weight: 50}", []),
        ("- wieght: 5", ["9:9: error: spec.strategy.canary.steps[0].wieght is not a field: did you mean weight?"]),
        (
            "- weight: 2.5",
            [
                "9:17: error: spec.strategy.canary.steps[0].weight: a number with decimals has to be in quotes:"
                " write '2.5'"
            ],
        ),
        (
            "- weight: 120",
            [
                "9:17: error: spec.strategy.canary.steps[0].weight: 120 is not a percentage; write a number from 0 to"
                " 100 without a sign, like 25 or '2.5'"
            ],
        ),
        (
            "- weight: 5\n  hold: 5m",
            [
                "10:15: error: spec.strategy.canary.steps[0].hold has to be an object: write its fields below it,"
                " indented"
            ],
        ),
        (
            "- {name: a, weight: 5}\n- {name: a, weight: 6}",
            ["8:7: error: spec.strategy.canary: two steps have the same name: give each name once"],
        ),
        (
            "- {weight: 50}\n- {}\n- {weight: 25}\n- {weight: 25}",
            [
                "11:18: warning: spec.strategy.canary.steps[2].weight falls from 50 to 25: give each step more than"
                " the one before",
                "12:18: warning: spec.strategy.canary.steps[3].weight is 25 as in the step before: raise it, or make"
                " one step of the two",
            ],
        ),
        (
            "- {weight: 5, checks: [errors]}",
            [
                "9:30: error: spec.strategy.canary.steps[0].checks[0]: there is no check errors:"
                " add it to spec.analysis.checks, or remove it here"
            ],
        ),
    ],
)
def test_steps(body: str, expected: list[str]) -> None:
    text = steps(body)
    shifted = [line.replace("8:7", "7:5") if "same name" in line else line for line in expected]
    assert lines(text) == [f"x.yaml:{line}" for line in shifted]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "- name: errors\n  ceiling: 1\n  ratio: {bad: 'sum(rate(x[5m]))', total: x}",
            [
                "10:20: error: spec.analysis.checks[0].ratio.bad: rate(x[5m]): rate() of a counter is not a counter,"
                " and increments are taken here; write the counter itself, as in requests_total{...}, or a sum of"
                " counters with + or sum()"
            ],
        ),
        (
            "- name: errors\n  ceiling: 1\n  ratio: {bad: 'x{a=\"{{servce}}\"}', total: x}",
            [
                "10:20: error: spec.analysis.checks[0].ratio.bad: there is no {{servce}} here;"
                " there are {{ingressCanary}}, {{namespace}}, {{pods}}, {{revision}}, {{service}}, {{suffix}}"
            ],
        ),
        (
            "- name: queue\n  query: {expr: 'sum(x', max: 1}",
            [
                "9:21: error: spec.analysis.checks[0].query.expr: unclosed left parenthesis at character 6, the end;"
                " close it"
            ],
        ),
        ("- name: queue\n  args: [{name: q, value: mail}]\n  query: {expr: 'x{a=\"{{args.q}}\"}', max: 1}", []),
        (
            "- name: queue\n  args: [{name: q}]\n  query: {expr: 'x{a=\"{{args.q}}\"}', max: 1}",
            ["9:14: error: spec.analysis.checks[0].args[0]: q has no value: set value"],
        ),
        (
            "- name: queue\n  query: {expr: 'x{a=\"{{args.q}}\"}', max: 1}",
            [
                "9:21: error: spec.analysis.checks[0].query.expr: there is no {{args.q}} here;"
                " there are {{ingressCanary}}, {{namespace}}, {{pods}}, {{revision}}, {{service}}, {{suffix}}"
            ],
        ),
        (
            "- name: p99\n  latency: {histogram: 'x{', below: 500ms, share: 99.9}",
            [
                "9:55: error: spec.analysis.checks[0].latency.share: a number with decimals has to be in quotes:"
                " write '99.9'"
            ],
        ),
        (
            "- {name: a, restarts: {max: 0}}\n- {name: a, restarts: {max: 1}}",
            [
                "9:14: error: spec.analysis.checks[1].name: 'a' is the name of spec.analysis.checks[0] already:"
                " rename one of them"
            ],
        ),
        (
            "- {name: a, restarts: {max: -1}}",
            ["8:33: error: spec.analysis.checks[0].restarts.max is -1: the least is 0"],
        ),
        *(
            (
                f"- name: errors\n  {kind}: {{{field}: 'x{{a=\"{{{{servce}}}}\"}}'{rest}}}",
                [
                    f"9:{column}: error: spec.analysis.checks[0].{kind}.{field}: there is no {{{{servce}}}} here;"
                    " there are {{ingressCanary}}, {{namespace}}, {{pods}}, {{revision}}, {{service}}, {{suffix}}"
                ],
            )
            for kind, field, rest, column in (
                ("ratio", "good", ", total: x", 21),
                ("latency", "histogram", "", 28),
                ("usage", "counter", ", per: x", 24),
                ("usage", "gauge", "", 22),
                ("usage", "per", ", gauge: x", 20),
            )
        ),
        ("- {name: a, ratio: {good: x, total: y}}\n- {name: b, latency: {histogram: h}}", []),
        (
            "- {name: a, ratio: {good: x, total: y}, failureLimit: 2}",
            [
                "8:7: error: spec.analysis.checks[0]: failureLimit goes with query or compare: false: remove it,"
                " or set compare to false"
            ],
        ),
        (
            "- {name: a, latency: {histogram: h}, tolerance: 0.5}",
            ["8:53: error: spec.analysis.checks[0].tolerance is 0.5: the least is 1"],
        ),
        (
            "- {name: a}",
            [
                "8:7: error: spec.analysis.checks[0]: one of ratio, latency, query, restarts and usage has to be"
                " set: keep one of them, and give each other one an entry of its own"
            ],
        ),
    ],
)
def test_checks(body: str, expected: list[str]) -> None:
    assert lines(checks(body)) == [f"x.yaml:{line}" for line in expected]


EVIDENCE = "{weight: 25, hold: {for: 2m, until: [{evidence: {}}], atMost: 30m}"
RATIO = "{name: errors, ratio: {bad: x, total: y}"
NOTHING = (
    "9:47: warning: spec.strategy.canary.steps[0].hold.until[0].evidence: no critical check of this step can prove"
    " anything: add a ratio or latency, and leave compare out"
)
NO_TRAFFIC = "without traffic there is no evidence: give the step a weight, or remove this"


@pytest.mark.parametrize(
    ("step", "checks", "expected"),
    [
        (EVIDENCE, RATIO + "}", []),
        (EVIDENCE, "{name: tail, latency: {histogram: h}}", []),
        (EVIDENCE, "", [NOTHING]),
        (EVIDENCE, RATIO + ", compare: false, ceiling: 1}", [NOTHING]),
        (EVIDENCE, RATIO + ", critical: false}", [NOTHING]),
        (EVIDENCE, RATIO + ", warnOnly: true}", [NOTHING]),
        (EVIDENCE, "{name: errors, restarts: {}}", [NOTHING]),
        (EVIDENCE, "{name: errors, query: {expr: x, max: 1}}", [NOTHING]),
        (EVIDENCE + ", checks: [r]", RATIO + "}, {name: r, restarts: {max: 0}}", [NOTHING]),
        (EVIDENCE + ", checks: [errors]", RATIO + "}, {name: r, restarts: {max: 0}}", []),
        (
            EVIDENCE.replace("25", "0"),
            RATIO + "}",
            [f"9:46: warning: spec.strategy.canary.steps[0].hold.until[0].evidence: {NO_TRAFFIC}"],
        ),
        (
            EVIDENCE.replace("30m", "1m"),
            RATIO + "}",
            ["9:22: error: spec.strategy.canary.steps[0].hold: atMost is shorter than for: raise atMost, or lower for"],
        ),
        (
            "{weight: 25, hold: {atMost: 1m}",
            RATIO + "}",
            [
                "9:22: error: spec.strategy.canary.steps[0].hold: atMost limits evidence only:"
                " add {evidence: {}} to until, or remove atMost"
            ],
        ),
    ],
)
def test_evidence_that_nothing_can_give_is_told(step: str, checks: str, expected: list[str]) -> None:
    text = steps(f"- {step}}}") + f"  services: [{{name: shop}}]\n  analysis: {{checks: [{checks}]}}\n"
    assert lines(text) == [f"x.yaml:{line}" for line in expected]


def test_evidence_before_the_switch_of_blue_and_green_is_told() -> None:
    body = "strategy: {blueGreen: {preview: {until: [{evidence: {}}]}}}"
    assert lines(spec(body, rest=SOURCE)) == [
        f"x.yaml:6:45: warning: spec.strategy.blueGreen.preview.until[0].evidence: {NO_TRAFFIC}"
    ]


def test_what_a_template_elsewhere_can_prove_is_not_known() -> None:
    text = steps(f"- {EVIDENCE}}}") + "  analysis: {templates: [{name: elsewhere}]}\n"
    assert lines(text) == []


def test_the_service_of_a_rollout_without_services_is_not_known() -> None:
    text = checks("- name: queue\n  query: {expr: 'x{a=\"{{service}}\"}', max: 1}", rest="")
    assert lines(text) == [
        "x.yaml:9:21: error: spec.analysis.checks[0].query.expr: there is no {{service}} without services:"
        " use {{pods}}, or set spec.services"
    ]


WEB = template(
    """
    args:
    - name: job
    - {name: path, value: /}
    checks:
    - name: errors
      ratio: {bad: 'x{job="{{args.job}}",path="{{args.path}}"}', total: 'y{job="{{args.job}}"}'}
      ceiling: 1
    """
)


def test_a_template_that_is_right_has_no_problem() -> None:
    assert lines(WEB) == []


def test_arguments_of_a_template_are_declared_and_used() -> None:
    text = template(
        """
        args:
        - name: job
        - name: path
        - name: path
        checks:
        - name: queue
          query: {expr: 'x{job="{{args.jop}}"}', max: 1}
        """
    )
    assert lines(text) == [
        "x.yaml:6:11: warning: spec.args[0].name: no check uses {{args.job}}: use it, or remove the argument",
        "x.yaml:7:11: warning: spec.args[1].name: no check uses {{args.path}}: use it, or remove the argument",
        "x.yaml:8:11: error: spec.args[2].name: 'path' is the name of spec.args[1] already: rename one of them",
        "x.yaml:8:11: warning: spec.args[2].name: no check uses {{args.path}}: use it, or remove the argument",
        "x.yaml:11:19: error: spec.checks[0].query.expr: there is no argument jop: did you mean job?",
    ]


def using(args: str, *, name: str = "web", more: str = "", checks: str = "") -> str:
    refs = f"  analysis:\n    templates:\n    - {{name: {name}, args: {args}}}\n"
    return HEAD + refs + (f"    checks: {checks}\n" if checks else "") + SOURCE + (more or STRATEGY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (using("[{name: job, value: shop}]"), []),
        (
            using("[]"),
            ["8:19: error: spec.analysis.templates[0].args: web needs job: add {name: job, value: ...}"],
        ),
        (
            using("[{name: job, value: shop}, {name: pth, value: /}]"),
            [
                "8:59: error: spec.analysis.templates[0].args[1].name: web has no argument pth: did you mean path?",
            ],
        ),
        (
            using("[{name: job, value: a}, {name: job, value: b}]"),
            [
                "8:56: error: spec.analysis.templates[0].args[1].name: 'job' is the name of"
                " spec.analysis.templates[0].args[0] already: rename one of them"
            ],
        ),
        (
            using("[{name: job, value: shop}]", checks="[{name: errors, restarts: {max: 0}}]"),
            [
                "9:21: error: spec.analysis.checks[0].name: 'errors' is the name of a check of web too:"
                " rename one of them"
            ],
        ),
        (
            using(
                "[{name: job, value: shop}]",
                more="  strategy: {canary: {steps: [{weight: 5, checks: [errors]}, {weight: 6, checks: [erors]}]}}\n",
            ),
            [
                "10:83: error: spec.strategy.canary.steps[1].checks[0]: there is no check erors: did you mean errors?",
            ],
        ),
        (
            using("[]", name="other", more="  strategy: {canary: {steps: [{weight: 5, checks: [anything]}]}}\n"),
            [],
        ),
    ],
)
def test_a_rollout_is_compared_with_the_templates_in_its_text(text: str, expected: list[str]) -> None:
    assert lines(text + "---\n" + WEB) == [f"x.yaml:{line}" for line in expected]


def test_a_run_can_have_twenty_checks_with_those_of_templates() -> None:
    own = ", ".join(f"{{name: c{n}, restarts: {{max: 0}}}}" for n in range(20))
    text = using("[{name: job, value: shop}]", checks=f"[{own}]") + "---\n" + WEB
    assert lines(text) == [
        "x.yaml:7:5: error: spec.analysis has 21 checks with those of its templates: at most 20 are allowed"
    ]


def test_a_template_of_another_namespace_is_not_the_one_that_is_named() -> None:
    assert lines(using("[]") + "---\n" + WEB.replace("{name: web}", "{name: web, namespace: other}")) == []


INLINE = """\
  services: [{name: shop}]
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: shop}]}
"""
SERVICE = "---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: %s}}\n"


def test_a_pod_template_has_containers() -> None:
    assert lines(HEAD + "  template: {spec: {}}\n" + STRATEGY) == [
        "x.yaml:6:14: error: spec.template.spec.containers is missing: write at least one container"
    ]


def test_a_service_in_the_text_has_to_select_the_pods() -> None:
    assert lines(HEAD + INLINE + STRATEGY + SERVICE % "shop") == []
    assert lines(HEAD + INLINE + STRATEGY + SERVICE % "cart") == [
        "x.yaml:6:21: error: spec.services[0].name: Service shop selects app=cart, which spec.template.metadata.labels"
        " lacks: add it there"
    ]


def test_a_workload_and_a_service_belong_to_one_rollout() -> None:
    first = HEAD + "  services: [{name: shop}]\n" + SOURCE + STRATEGY
    second = first.replace("name: shop\n", "name: other\n", 1)
    assert lines(first + "---\n" + second) == [
        "x.yaml:15:21: error: spec.services[0].name: Service shop belongs to Rollout shop already: remove one of them",
        "x.yaml:16:62: error: spec.workloadRef.name: Deployment shop belongs to Rollout shop already:"
        " remove one of them",
    ]


def test_anchors_and_merge_keys_are_followed() -> None:
    text = spec("services: &s [{name: shop}]\nanalysis: {checks: [{name: a, restarts: &r {<<: {max: 0}}}]}")
    assert lines(text) == []


def test_an_error_behind_an_anchor_is_shown_where_it_is_written() -> None:
    text = steps("- hold: &h {for: 5x}\n  weight: 1\n- hold: *h\n  weight: 2")
    assert {each.line for each in lint(text, "x.yaml")} == {9}
    assert len(lint(text, "x.yaml")) == 2


@given(st.text(max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    render(lint(text, "x.yaml"))
    render(lint(HEAD + SOURCE + STRATEGY + text, "x.yaml"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["steps", "canary", "strategy", "name", "weight", "checks", "ratio", "bad", "analysis", "template", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_shape_makes_it_fail(metadata: object, spec: object) -> None:
    manifest = {"apiVersion": "progressive.delivery/v1alpha1", "kind": "Rollout", "metadata": metadata, "spec": spec}
    assert lint(json.dumps(manifest), "x.yaml") != ()


MATCHING = "- {weight: 10, match: {header: {name: X-Beta}}}"


@pytest.mark.parametrize(
    ("traffic", "who"),
    [
        ("", "a Service alone"),
        ("  traffic: [{name: a, gatewayRoute: {kind: HTTPRoute, name: shop}}]\n", "HTTPRoute shop"),
        (
            "  traffic: [{name: a, ingress: {name: shop}}, {name: b, gatewayRoute: {kind: GRPCRoute, name: rpc}}]\n",
            "GRPCRoute rpc",
        ),
    ],
)
def test_a_match_where_nothing_can_do_it(traffic: str, who: str) -> None:
    assert lines(steps(MATCHING) + "  services: [{name: shop}]\n" + traffic) == [
        f"x.yaml:9:22: error: spec.strategy.canary.steps[0].match: {who} can only split by weight:"
        " remove match, or split by an ingress in every entry of spec.traffic"
    ]


def test_a_match_with_an_ingress_is_right() -> None:
    assert lines(steps(MATCHING) + "  services: [{name: shop}]\n  traffic: [{name: a, ingress: {name: shop}}]\n") == []
