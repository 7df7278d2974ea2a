"""Places where people already are. Each adapter: render and inbound (pure), channel (the client). Nothing is imported from here."""
