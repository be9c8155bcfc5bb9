"""The `rollout` command: one file for each group of commands."""
