"""``hitl demo --github``: a workflow that starts from an issue and asks on it; people decide by comments."""
