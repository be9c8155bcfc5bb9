import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rollout.models.base import (
    DURATION_PATTERN,
    LONGEST,
    PERCENT_PATTERN,
    WEIGHT_PATTERN,
    Ceiling,
    Chance,
    Duration,
    Margin,
    Share,
    Weight,
    format_duration,
    parse_duration,
)
from rollout.models.spec import Replicas

durations = st.integers(0, round(LONGEST / timedelta(milliseconds=1))).map(lambda ms: timedelta(milliseconds=ms))


@given(durations)
def test_a_duration_is_read_back_as_it_was_written(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(durations)
def test_a_written_duration_is_one_the_schema_takes(duration: timedelta) -> None:
    text = format_duration(duration)
    assert re.search(DURATION_PATTERN, text)
    assert len(text) <= 24


@given(st.text(alphabet="0123456789hms. -\n", max_size=30))
def test_what_is_read_as_a_duration_is_written_in_a_form_that_is_read_again(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h30m", 5400), ("15s", 15), ("250ms", 0.25), ("0s", 0), ("90m", 5400), ("1m1m", 120), ("00001s", 1)],
)
def test_durations_are_written_as_in_the_gateway_api(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("duration", "text"), [(5400, "1h30m"), (90, "1m30s"), (0, "0s"), (0.25, "250ms"), (86400, "24h")]
)
def test_the_shortest_text_is_written(duration: float, text: str) -> None:
    assert format_duration(timedelta(seconds=duration)) == text


@pytest.mark.parametrize(
    "value", ["5", 5, 5.0, None, "", "5 m", "-5m", "5m\n", "1d", "5M", "123456s", "1.5h", "1h1h1h1h1h"]
)
def test_anything_else_is_no_duration_and_the_message_says_what_is(value: object) -> None:
    with pytest.raises(
        ValueError, match="is not a duration; write hours, minutes, seconds or milliseconds, like 1h30m"
    ):
        parse_duration(value)


def test_a_duration_that_could_not_be_written_again_is_refused() -> None:
    with pytest.raises(ValueError, match="is too long; write at most 99999h59m59s999ms"):
        parse_duration("99999h60m")


@given(st.integers(0, 1000))
def test_a_weight_is_read_back_as_it_was_written(tenths: int) -> None:
    weights = TypeAdapter(Weight)
    written = weights.dump_python(tenths / 10, mode="json")
    assert weights.validate_python(written) == tenths / 10
    assert isinstance(written, int) or re.search(WEIGHT_PATTERN, written)


@given(st.integers(1, 50_000))
def test_a_percentage_is_read_back_as_it_was_written(thousandths: int) -> None:
    for kind in (Ceiling, Margin, Share, Chance):
        percentages = TypeAdapter(kind)
        written = percentages.dump_python(thousandths / 1000, mode="json")
        assert percentages.validate_python(written) == thousandths / 1000
        assert isinstance(written, int) or re.search(PERCENT_PATTERN, written)


@pytest.mark.parametrize("value", [-1, 101, "101", "100.1", "2.55", "5%", "", "5\n", True, None, "1e1", float("nan")])
def test_what_is_not_from_0_to_100_with_one_decimal_is_no_weight(value: object) -> None:
    with pytest.raises(ValidationError, match="is not a percentage; write a number from 0 to 100 without a sign"):
        TypeAdapter(Weight).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Ceiling, 0, "must be above 0 and at most 100"),
        (Ceiling, "0.000", "must be above 0 and at most 100"),
        (Margin, 0, "write how many per cent more are still good"),
        (Chance, "0.0", "write a chance in per cent"),
        (Chance, 100, "write a chance in per cent"),
        (Share, 0, "must be above 0 and below 100"),
        (Share, 100, "must be above 0 and below 100"),
        (Share, "100.0", "must be above 0 and below 100"),
    ],
)
def test_a_bound_that_nothing_or_everything_would_break_is_refused(kind: object, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("value", [0, 10_000, "0%", "50%", "100%"])
def test_replicas_are_a_number_or_a_percentage(value: object) -> None:
    assert TypeAdapter(Replicas).validate_python(value) == value


@pytest.mark.parametrize("value", [-1, 10_001, "50", "101%", True, 1.5, "5%\n"])
def test_anything_else_is_no_number_of_pods(value: object) -> None:
    with pytest.raises(ValidationError, match="write a number from 0 to 10000 or a percentage like 50%"):
        TypeAdapter(Replicas).validate_python(value)


def test_a_duration_field_is_written_as_text() -> None:
    assert TypeAdapter(Duration).dump_python(timedelta(minutes=5), mode="json") == "5m"
