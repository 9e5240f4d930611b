"""What model calls cost: the owner's own prices first, then the list prices that genai-prices carries.

Offline, and no price is a guess: what is unknown is None, never zero. Used where models are opened, and
by the command line for jobs of which no cost was written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Protocol

PICODOLLARS = Decimal(10) ** 12
"""Picodollars in a dollar. The ledger adds up in them: a whole number for every price per million tokens of
up to six decimals, and a counter of Redis holds nine million dollars."""

LISTED: Mapping[str, str] = MappingProxyType(
    {"openai": "openai", "azure": "azure", "anthropic": "anthropic"}
)
"""The providers that have a price list, each with its name in genai-prices. A model on somebody's own
machine (ollama, compatible) costs something else, whatever its name: only its address can have a list."""


class Tariff(Protocol):
    """What one model charges.

    Tokens that a provider counts at a discount, because its cache held them, are charged in full here:
    AutoGen's ``RequestUsage`` does not tell them apart.
    """

    @property
    def source(self) -> str:
        """Where the prices come from, and which release of it; stored with each job."""
        ...

    def usd(self, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
        """The price of these tokens, in US dollars; None when it is not known."""
        ...


class OwnTariff:
    """The owner's own prices.

    Args:
        input_usd: Of a million tokens in, in US dollars.
        output_usd: Of a million tokens out, in US dollars.
    """

    source = "own"

    def __init__(self, input_usd: Decimal, output_usd: Decimal) -> None:
        self._input_usd, self._output_usd = input_usd, output_usd

    def usd(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """The price of these tokens, in US dollars."""
        return (prompt_tokens * self._input_usd + completion_tokens * self._output_usd) / 1_000_000


class ListTariff:
    """The list prices of one model; some depend on the time of day, so each call is priced anew.

    Args:
        model: Its name at the provider.
        where: How genai-prices finds the provider: ``provider_id`` or ``provider_api_url``.
    """

    def __init__(self, model: str, where: Mapping[str, str]) -> None:
        self._model, self._where = model, dict(where)
        self.source = f"genai-prices {version('genai-prices')}"

    def usd(self, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
        """The list price of these tokens, in US dollars; None when there is none."""
        return _listed(self._model, prompt_tokens, completion_tokens, **self._where)


def find_tariff(
    model: str,
    *,
    provider: str,
    base_url: str | None = None,
    own: tuple[Decimal | None, Decimal | None] = (None, None),
) -> Tariff | None:
    """What a model charges; None when nobody knows.

    The first call that needs the list takes about half a second and 35 MB: make it before jobs run, and
    not on their event loop.

    Args:
        model: The model's name, as it is called.
        provider: Whose protocol the endpoint speaks, see ``team.ModelConfig``.
        base_url: Where the endpoint is; None for the provider's own address.
        own: The owner's prices of a million tokens in and out, in US dollars.
    """
    if own[0] is not None and own[1] is not None:
        return OwnTariff(own[0], own[1])
    places = []
    if base_url is not None:
        places.append({"provider_api_url": base_url})
    if provider in LISTED:  # also behind a gateway: its models bear the provider's names
        places.append({"provider_id": LISTED[provider]})
    for where in places:
        if _listed(model, 1, 1, **where) is not None:
            return ListTariff(model, where)
    return None


def cost_usd(model: str, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
    """The list price of these tokens by the model's name alone, in US dollars.

    For jobs of before costs were written down.

    Args:
        model: The model's name as it was called.
        prompt_tokens: Tokens in.
        completion_tokens: Tokens out.

    Returns:
        None where no list price is known: unknown is not zero. Zero where nothing was bought.
    """
    if prompt_tokens == completion_tokens == 0:
        return Decimal(0)
    return _listed(model, prompt_tokens, completion_tokens)


def picodollars(usd: Decimal) -> int:
    """Dollars as the whole number that the ledger adds up in."""
    return int((usd * PICODOLLARS).to_integral_value(ROUND_HALF_EVEN))


def from_picodollars(amount: int) -> Decimal:
    """The ledger's whole number as dollars."""
    return Decimal(amount) / PICODOLLARS


def _listed(model: str, prompt_tokens: int, completion_tokens: int, **where: Any) -> Decimal | None:
    # Only ``UpdatePrices.start`` makes it fetch anything, and nobody calls that: a test closes the network.
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - takes 0.35 s and 35 MB

    usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
    try:
        return calc_price(usage, model_ref=model, **where).total_price
    except Exception:  # noqa: BLE001 -- whatever it trips over: a paid answer is not lost for its price
        return None
