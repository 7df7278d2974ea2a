"""Carriers of wake-ups: ``local`` for one process."""
