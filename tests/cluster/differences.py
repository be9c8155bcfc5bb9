"""What the sandbox does otherwise than Kubernetes, by the test that shows it; docs/limits.md says the same to users."""

ONLY_ON_KUBERNETES: dict[str, str] = {
    "test_the_schemas_say_what_a_rollout_is": "`kubectl explain` is promised on a real control plane only.",
    "test_who_has_no_role_may_do_nothing": "Without a rule of its own, the sandbox lets everybody do everything.",
    "test_a_run_whose_template_has_another_key_in_the_place_of_each_of_its_own_slips_through": (
        "In CEL, Kubernetes takes two objects of unknown fields for equal when each lacks what the other has."
    ),
}
