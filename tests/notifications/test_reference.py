from pathlib import Path

import pytest

from rollout.notifications.reference import Reference, UnreadableError


def test_a_file_is_read_without_the_white_space_around_it_each_time_anew(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    reference = Reference(file=file)
    for text in ("one", "two"):
        file.write_text(f" {text}\n")
        assert reference.read() == text


def test_an_environment_variable_is_read_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "one")
    assert Reference(env="HOOK").read() == "one"


@pytest.mark.parametrize("content", [b" \n", b"\xff\xfe\xfa"])
def test_a_file_without_a_text_is_refused_by_its_place(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(UnreadableError, match=f"file {file}: "):
        Reference(file=file).read()
