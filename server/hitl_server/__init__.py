"""The HTTP side: API, webhooks, pages; and the process that serves them. It reads and writes through ``Hitl`` alone."""
