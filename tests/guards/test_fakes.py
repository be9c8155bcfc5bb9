"""What the tests themselves may not do."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_test_replaces_a_client_by_a_mock() -> None:
    """A mock of a client agrees with whoever wrote it; fakes are servers, and the real client speaks to them."""
    mocking = []
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if any("mock" in name.lower() for name in (*names, module)):
                mocking.append(path.relative_to(TESTS).as_posix())
    assert mocking == []
