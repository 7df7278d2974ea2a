"""How things look in GitHub's JSON, in answers and in webhook payloads alike (docs.github.com, "REST API"; octokit's webhook schemas)."""
