from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.kube.transport import split_lines
from tests.kube.fake_time import run


async def lines_of(chunks: list[bytes]) -> list[bytes]:
    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [line async for line in split_lines(arriving())]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([], []),
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b\nc", b"\n"], [b"ab", b"c"]),
        ([b"a\n", b"cut off"], [b"a"]),
        ([b"\n\r\n", b" \n", b"a\n"], [b"a"]),
    ],
)
async def test_lines_are_put_together_and_the_unfinished_one_is_left_out(
    chunks: list[bytes], expected: list[bytes]
) -> None:
    assert await lines_of(chunks) == expected


@given(st.lists(st.binary(min_size=1).map(lambda data: b"x" + data.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_do_not_depend_on_where_the_chunks_were_cut(lines: list[bytes], data: st.DataObject) -> None:
    text = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    chunks = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert run(lines_of(chunks)) == lines
