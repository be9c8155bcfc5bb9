import re
import shutil
from pathlib import Path

import pytest
import yaml

from rollout.lint import lint
from rollout.models.definitions import DEFINITIONS, Definition, manifests, schema
from rollout.models.generate import files, main
from rollout.models.illustrations import EXAMPLES
from rollout.models.rollout import parse_run
from rollout.models.schema import walk

FILES = files()
REPOSITORY = Path(__file__).parents[2]
PATHS = [
    "crds/rollouts.yaml",
    "crds/analysistemplates.yaml",
    "crds/clusteranalysistemplates.yaml",
    "crds/rolloutruns.yaml",
    "docs/reference.md",
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for path in PATHS:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / path, tmp_path / path)
    return tmp_path


def test_what_is_committed_is_what_the_models_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["--check"]), capsys.readouterr().err) == (0, "")


def test_a_file_that_was_edited_or_lost_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (copy / "crds/rollouts.yaml").open("a") as file:
        file.write("# edited\n")
    (copy / "docs/reference.md").unlink()
    assert main(["--check", "--root", str(copy)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "crds/rollouts.yaml is not what it is made from: run `make crds`",
        "docs/reference.md is not what it is made from: run `make crds`",
    ]


def test_checking_writes_nothing(tmp_path: Path) -> None:
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert list(tmp_path.iterdir()) == []


def test_writing_restores_what_differs_and_names_it(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "crds/rolloutruns.yaml").write_text("edited")
    assert main(["--root", str(copy)]) == 0
    assert capsys.readouterr().out == "crds/rolloutruns.yaml\n"
    assert main(["--check", "--root", str(copy)]) == 0


def test_everything_generated_is_listed_here() -> None:
    assert sorted(FILES) == sorted(PATHS)


def test_the_yaml_holds_the_manifests_and_nothing_is_an_alias() -> None:
    texts = [text for path, text in FILES.items() if path.startswith("crds/")]
    assert tuple(yaml.safe_load(text) for text in texts) == manifests()
    assert not [line for text in texts for line in text.splitlines() if re.search(r": [&*]id", line)]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.resource.kind)
def test_the_reference_describes_every_field(definition: Definition) -> None:
    page = (REPOSITORY / "docs/reference.md").read_text()
    for root in ("spec", "status"):
        for _, node in walk(schema(definition)["properties"].get(root, {})):
            for name, child in node.get("properties", {}).items():
                row = re.search(rf"^\| `{name}` \| [^|]+ \| (yes|no) \| {re.escape(child['description'])}", page, re.M)
                assert row, f"{definition.resource.kind} has no row for {name}"


def test_every_link_of_the_reference_leads_somewhere() -> None:
    page = (REPOSITORY / "docs/reference.md").read_text()
    titles = re.findall(r"^#+ (.+)$", page, re.M)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= anchors


@pytest.mark.parametrize("kind", ["Rollout", "AnalysisTemplate", "ClusterAnalysisTemplate", "RolloutRun"])
def test_the_reference_shows_an_example_without_a_problem(kind: str) -> None:
    assert EXAMPLES[kind] in FILES["docs/reference.md"]
    assert lint(EXAMPLES[kind], "example.yaml") == ()


def test_the_example_of_a_run_can_be_read_whole() -> None:
    spec, status = parse_run(yaml.safe_load(EXAMPLES["RolloutRun"]))
    assert (spec.number, len(spec.steps), status.outcome) == (7, 2, "promoted")
