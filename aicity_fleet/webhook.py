"""The webhook of the owner: one POST of ``{"text": ...}``, as Slack takes it, and what copies Slack.

Called by the alerts of the dispatcher and by the command ``test-alert``. The URL is a secret, because its
path lets anyone post: no message and no log line holds more of it than the host.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

import httpx

from aicity_fleet.errors import AlertError
from aicity_fleet.settings import Settings

TIMEOUT_SECONDS = 5.0
"""How long the receiver may take to accept a connection, or to go on with its answer, in seconds."""

MOST_CHARS = 3000
"""The most characters of one message; the rest is cut off. Slack splits a text of more than 4,000."""


class Webhook:
    """Tells people through one URL.

    Args:
        url: Where to post; ``Settings`` has checked it.
        transport: Replaces the network in tests.
    """

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._url, self._transport = url, transport
        self.host = urlsplit(url).netloc

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the webhook that the settings name.

        Raises:
            SettingsError: They name none.
        """
        settings.require("FLEET_ALERT_WEBHOOK")
        return cls(settings.alert_webhook.get_secret_value() if settings.alert_webhook else "")

    def tell(self, text: str) -> int:
        """Post a text and return the HTTP status, a 2xx. It is never tried again here.

        Args:
            text: Plain text. What Slack would read as a link or a mention is escaped.

        Raises:
            AlertError: The receiver cannot be reached, or did not answer with a 2xx.
        """
        try:
            # Redirects are not followed: a page for people would count as taken. Nor is the body read.
            with (
                httpx.Client(timeout=TIMEOUT_SECONDS, transport=self._transport) as client,
                client.stream("POST", self._url, json={"text": _escaped(text)}) as response,
            ):
                status = response.status_code
        except httpx.TimeoutException as error:
            raise AlertError(
                f"The webhook at {self.host} did not answer within {TIMEOUT_SECONDS:g} s."
            ) from error
        except httpx.ConnectError as error:
            raise AlertError(f"The webhook at {self.host} cannot be reached ({error}).") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            why = type(error).__name__  # its text may hold the URL
            raise AlertError(f"The webhook at {self.host} cannot be used ({why}).") from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise AlertError(f"The webhook at {self.host} answered {status}.")
        return status


def _escaped(text: str) -> str:
    """Escape what Slack gives a meaning. Source: api.slack.com/reference/surfaces/formatting."""
    text = text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS - 1]}…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
