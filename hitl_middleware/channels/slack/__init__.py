"""Slack: cards in Block Kit, answers by button and modal. The only home of slack_sdk and slack_bolt; both are imported when first used."""
