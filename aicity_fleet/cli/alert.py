"""The command ``test-alert``: whether the webhook takes a message."""

from aicity_fleet.cli.connection import read_settings
from aicity_fleet.cli.display import console


def send_test() -> None:
    """Send one message through FLEET_ALERT_WEBHOOK, and show how it answered."""
    # A command that few run need not slow the others down.
    from aicity_fleet.webhook import Webhook  # noqa: PLC0415

    settings = read_settings()
    webhook = Webhook.from_settings(settings)
    status = webhook.tell(f"Fleet '{settings.agent}': this is a test. Nothing needs you.")
    console.print(f"The webhook at {webhook.host} took the message ({status}).")
