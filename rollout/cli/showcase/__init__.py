"""What `rollout demo` is made of: the story, the cast of processes, and the report."""
