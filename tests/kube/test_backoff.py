from rollout.kube.backoff import Backoff, half_to_all


def test_waits_double_up_to_the_cap() -> None:
    backoff = Backoff(first=0.5, cap=3.0)
    assert [backoff.after(failures) for failures in (1, 2, 3, 4, 10_000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_jittered_wait_is_between_half_and_all() -> None:
    waits = [half_to_all(10.0) for _ in range(200)]
    assert 5.0 <= min(waits) < 6.0
    assert 9.0 < max(waits) <= 10.0
