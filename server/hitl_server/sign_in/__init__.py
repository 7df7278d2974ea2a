"""Signing in with a browser: a one-time link on this machine, GitHub, Slack. Each ends in a session (``session``) or in a sentence."""
