"""What people read about the project says everything there is, and nothing there is not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
import yaml
from prometheus_client.parser import text_string_to_metric_families

from analysis.sources import load as load_sources
from api.health import create_health_app
from rollout.cli.app import app
from rollout.cli.controller import controller
from rollout.cli.demo import demo
from rollout.cli.exits import Code
from rollout.core.world import Settings
from rollout.kube.lease import Timing
from rollout.lint import lint, render
from rollout.metrics import Metrics
from rollout.models.definitions import DEFINITIONS, schema
from rollout.models.rollout import ABORTED, API_VERSION, COMMAND, FINALIZER, LEADER, ORIGINAL, PROMOTED, REVISION_LABEL
from rollout.models.status import Outcome, Phase, Stage, Verb
from sandbox.apiserver.schema import build
from sandbox.apiserver.validation import validate
from tests.api.snapshot import page
from tests.api.test_metrics import readings

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "rollout" / "core").glob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [page for page in PAGES if page.name != "reference.md"]  # by people
PICTURES = sorted((ROOT / "docs" / "images").glob("*.svg"))
SCHEMAS = {definition.resource.kind: build(schema(definition)) for definition in DEFINITIONS}

_WORD = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)*")
_NO_REASONS = {"Asked", "Deployment", "Rollout", "RolloutRun", "Ready", "True", "False"}  # kinds, types, parts of words
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\]`]|`[^`]*`)*\]\(([^)\s]+)\)")
_HOST = re.compile(r"https?://([^\s)/:`\"'\[\]]+)")
_OUTSIDE = {"keepachangelog.com", "semver.org"}  # what people may be sent to
_IN_EXAMPLES = {"1", "example", "gateways", "monitoring"}  # ends of addresses that lead nowhere outside
_PERSONAL = re.compile(r"/(?:home|root|Users|work)/|/tmp/(?!report\.json)")


def text(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def missing(words: Iterator[str] | list[str] | set[str], where: str) -> list[str]:
    """The words that are not there in code style: a word in passing explains nothing."""
    return sorted(word for word in words if f"`{word}`" not in where)


def section(page: str, title: str) -> str:
    """One section of a page, with those below it."""
    start = re.search(rf"^(#+) {re.escape(title)}$", page, re.MULTILINE)
    assert start is not None, f"there is no section {title}"
    rest = page[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def reasons() -> set[str]:
    """The reasons in the code: what `reason=` is given, and the words that functions return."""
    found = {
        constant.value
        for path in CORE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for place in _places(node)
        for constant in ast.walk(place)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str) and _WORD.fullmatch(constant.value)
    }
    return found - _NO_REASONS


def _places(node: ast.AST) -> tuple[ast.AST, ...]:
    if isinstance(node, ast.keyword) and node.arg == "reason":
        return (node.value,)
    return (node.value,) if isinstance(node, ast.Return) and node.value is not None else ()


def test_the_reasons_are_found_in_the_code() -> None:
    assert {"FirstDeployment", "TemplateRefused", "CanarySilent", "WaitingForApproval", "Reverted"} <= reasons()


def test_every_condition_reason_and_event_is_explained() -> None:
    concepts = text("docs/concepts.md")
    where = section(concepts, "Condition reasons") + section(concepts, "Events")
    assert missing(reasons(), where) == []
    assert missing({f"{verb.capitalize()}Asked" for verb in Verb}, where) == []


def test_no_reason_is_explained_that_is_gone() -> None:
    table = section(text("docs/concepts.md"), "Condition reasons")
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) <= reasons()


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Phases", set(Phase)),
        ("A run from start to end", {*Stage, *Outcome}),
        ("Commands", set(Verb)),
    ],
)
def test_every_phase_stage_outcome_and_command_is_explained(title: str, words: set[str]) -> None:
    assert missing(words, section(text("docs/concepts.md"), title)) == []


def test_the_table_of_phases_says_what_their_conditions_are() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| (\w+) \| (\w+) \| (\w+) \|$",
        section(text("docs/concepts.md"), "Phases"),
        re.MULTILINE,
    )
    stuck = {"Aborted", "Stalled"}
    wanted = [
        (phase, str(phase == "Healthy"), str(phase not in {"Healthy", *stuck}), str(phase in stuck)) for phase in Phase
    ]
    assert rows == wanted


def test_every_label_and_annotation_on_peoples_objects_is_named() -> None:
    where = text(*(relative(page) for page in WRITTEN))
    assert [
        name for name in (PROMOTED, ABORTED, LEADER, COMMAND, ORIGINAL, REVISION_LABEL, FINALIZER) if name not in where
    ] == []


def commands() -> dict[str, set[str]]:
    """Every command with its options as people write them."""
    whole = typer.Typer()
    whole.command("controller")(controller)
    whole.command("demo")(demo)
    groups = (typer.main.get_command(app), typer.main.get_command(whole))
    return {name: _options(command) for group in groups for name, command in group.commands.items()}  # type: ignore[attr-defined]


def _options(command: Any) -> set[str]:
    spellings = (spelled for each in command.params for spelled in (*each.opts, *each.secondary_opts))
    return {spelled for spelled in spellings if spelled.startswith("-")}


def test_every_command_of_the_command_line_is_explained() -> None:
    listed = set(re.findall(r"^\| `rollout (\w+)", text("docs/cli.md"), re.MULTILINE))
    assert listed == set(commands())


@pytest.mark.parametrize(("command", "options"), sorted(commands().items()))
def test_every_option_is_explained(command: str, options: set[str]) -> None:
    title = "The controller" if command == "controller" else "The command line"
    where = section(text("docs/cli.md"), title)
    named = set(re.findall(r"`(--?[a-z][a-z-]*)", where, re.IGNORECASE))
    assert options - named == set()


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_every_exit_code_is_explained(page: str) -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", text(page), re.MULTILINE)}
    assert {int(code) for code in Code} <= listed


def test_every_endpoint_is_explained_with_its_method() -> None:
    served = {f"{method.upper()} `{path}`" for path, methods in page()["paths"].items() for method in methods}
    where = section(text("docs/cli.md"), "REST API")
    assert set(re.findall(r"^\| ((?:GET|POST) `[^`]+`)", where, re.MULTILINE)) == served


def test_every_endpoint_of_the_health_port_is_explained() -> None:
    health = create_health_app(live=lambda: None, ready=lambda: None, metrics=Metrics())
    paths = {getattr(route, "path", "") for route in health.routes}
    assert {"/healthz", "/readyz", "/metrics"} <= paths
    assert missing(paths, section(text("docs/cli.md"), "Metrics of the controller")) == []


def test_every_metric_is_explained() -> None:
    metrics = Metrics()
    metrics.read(readings())
    families = text_string_to_metric_families(metrics.render().decode())
    described = (family for family in families if not family.name.endswith("_created"))
    names = {f"{family.name}_total" if family.type == "counter" else family.name for family in described}
    where = section(text("docs/cli.md"), "Metrics of the controller")
    assert set(re.findall(r"^\| `(progressive_delivery_\w+)`", where, re.MULTILINE)) == names


def test_the_numbers_in_the_text_are_those_of_the_code() -> None:
    settings = Settings()
    concepts, cli = text("docs/concepts.md"), text("docs/cli.md")
    assert f"{settings.settle.total_seconds():g} s by\ndefault" in concepts
    assert f"| `--settle DURATION` | `{settings.settle.total_seconds():g}s` |" in cli
    assert f"at most every {settings.write_numbers_every.total_seconds():g} seconds" in concepts
    assert f"The last {settings.history} finished runs are kept" in concepts
    lease, written = Timing(), " ".join(cli.split())
    assert (
        f"renews it every {lease.renew:g} s; another replica takes it when it has not changed for {lease.lease} s"
        in written
    )
    assert f"cannot renew it for {lease.give_up:g} s" in written


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (f"{relative(page)}:{page.read_text(encoding='utf-8')[: match.start()].count(chr(10)) + 1}", match[2])
        for page in PAGES
        for match in _FENCE.finditer(page.read_text(encoding="utf-8"))
        if match[1] == language
    ]


@pytest.mark.parametrize(("where", "block"), blocks("yaml"))
def test_every_object_of_ours_in_the_text_can_be_used(where: str, block: str) -> None:
    objects = [each for each in yaml.safe_load_all(block) if each.get("apiVersion") == API_VERSION]
    assert render(lint(block, where)) == ""
    assert [list(validate(SCHEMAS[each["kind"]], each)) for each in objects] == [[] for _ in objects]


def test_the_readme_shows_a_rollout_and_metric_sources() -> None:
    shown = [yaml.safe_load(block) for where, block in blocks("yaml") if where.startswith("README.md")]
    assert [each.get("kind", next(iter(each))) for each in shown] == ["Rollout", "sources"]


def test_every_file_of_metric_sources_in_the_text_can_be_read(tmp_path: Path) -> None:
    found = [block for _, block in blocks("yaml") if "\nsources:" in f"\n{block}"]
    assert len(found) == 2
    for number, block in enumerate(found):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block, encoding="utf-8")
        assert load_sources(file)


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    return _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))


def is_broken(page: Path, link: str) -> bool:
    target, _, anchor = link.partition("#")
    file = (page.parent / target).resolve() if target else page
    return not file.exists() or bool(anchor and anchor not in anchors(file))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    inside = [link for link in links(page) if not re.match(r"[a-z]+:", link)]
    assert [link for link in inside if is_broken(page, link)] == []


def test_a_link_to_nowhere_is_noticed() -> None:
    readme = ROOT / "README.md"
    assert "docs/concepts.md" in links(readme)
    assert [is_broken(readme, link) for link in ("docs/none.md", "docs/concepts.md#none", "docs/concepts.md")] == [
        True,
        True,
        False,
    ]


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            waiting += [target / "README.md" if target.is_dir() and (target / "README.md").exists() else target]
    assert set(PAGES) <= reached


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_pages_lead_to_known_places_only_and_name_no_directory_of_somebodys_machine(page: Path) -> None:
    read = page.read_text(encoding="utf-8")
    hosts = {host for host in _HOST.findall(read) if host.rpartition(".")[2] not in _IN_EXAMPLES}
    assert hosts <= _OUTSIDE
    assert _PERSONAL.findall(read) == []


def test_every_make_target_in_the_text_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    named = {
        name
        for page in WRITTEN
        for name in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {"demo", "test"} <= named <= targets


def test_every_rollout_command_in_the_text_exists_with_its_options() -> None:
    known = commands()
    for where, block in blocks("sh"):
        for name, rest in re.findall(r"(?:^|/)rollout ([a-z]+)(.*)", re.sub(r"\s+#.*", "", block), re.MULTILINE):
            assert name in known, where
            assert set(re.findall(r"(?<= )--?[a-z-]+", rest)) <= known[name], f"{where}: {name}{rest}"


@pytest.mark.parametrize("picture", PICTURES, ids=relative)
def test_a_picture_shows_what_it_shows_without_asking_any_other_host(picture: Path) -> None:
    read = picture.read_text(encoding="utf-8")
    assert ElementTree.fromstring(read).tag == "{http://www.w3.org/2000/svg}svg"
    assert set(re.findall(r"https?://[^\s\"')]+", read)) == {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in read


def test_every_decision_says_context_decision_and_consequence_and_is_listed() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    listed = links(ROOT / "docs" / "decisions" / "README.md")
    assert listed == [path.name for path in decisions]
    for number, path in enumerate(decisions, start=1):
        read = path.read_text(encoding="utf-8")
        assert read.startswith(f"# {number}. ")
        assert path.name.startswith(f"{number:04}-")
        assert re.findall(r"^## (.+)$", read, re.MULTILINE) == ["Context", "Decision", "Consequence"]


def test_the_changelog_has_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.+)"$', text("pyproject.toml"), re.MULTILINE)
    assert version is not None
    assert re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)[:2] == ["Unreleased", version[1]]


def test_the_table_of_rights_is_that_of_the_roles() -> None:
    rows = re.findall(r"^\| (?:`([a-z0-9.]+)`|\(core\)) \| (.+?) \| ([a-z, ]+) \|$", text("docs/cli.md"), re.MULTILINE)
    told = {
        (group, resource, verb)
        for group, resources, verbs in rows
        for resource in re.findall(r"`([a-z/]+)`", resources)
        for verb in verbs.split(", ")
    }
    rules = [
        rule for name in ("cluster-role", "role") for rule in yaml.safe_load(text(f"deploy/rbac/{name}.yaml"))["rules"]
    ]
    assert told == {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_library_does_what_its_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "how-it-decides.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    pieces = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(pieces) == 2
    for piece in pieces:
        exec(piece, names)
    assert capsys.readouterr().out.startswith("canary 23 of 300 requests bad (7.7 %)")
