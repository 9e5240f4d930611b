"""The prices of models: the owner's own first, then the list prices in genai-prices.

Offline, and never a guess: an unknown price is None, not zero. Looked up where models are opened.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aicity_fleet.money.cost import Charge

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

LISTED: Mapping[str, str] = MappingProxyType(
    {"openai": "openai", "azure": "azure", "anthropic": "anthropic"}
)
"""The providers that have a price list, each with its name in genai-prices. A model on one's own machine
(ollama, compatible) has other costs, whatever its name: only its address can have a list."""

_SAMPLES = ((1, 0), (1, 1), (1_000_003, 7), (7, 1_000_003))
"""Tokens in and out that show whether a price is the same for each."""

Usd = Callable[[int, int], Decimal | None]
"""Prices tokens in and tokens out, in US dollars; None when no price is known."""


@dataclasses.dataclass(frozen=True, slots=True)
class PriceTable:
    """What one model charges.

    Tokens that a provider discounts, because its cache held them, are charged in full here: AutoGen's
    ``RequestUsage`` does not tell them apart.
    """

    source: str
    """Where the prices come from, and which release of it; stored with each job."""
    usd: Usd


def find_prices(
    model: str,
    *,
    provider: str,
    base_url: str | None = None,
    own: tuple[Decimal | None, Decimal | None] = (None, None),
    by_name: bool = True,
) -> PriceTable | None:
    """Find what a model charges; None if unknown.

    The first call that needs the list takes about half a second and 35 MB: make it before jobs run, and
    not on their event loop.

    Args:
        provider: The protocol that the endpoint speaks, see ``team.ModelConfig``.
        base_url: Where the endpoint is; None for the provider's own address.
        own: The owner's prices of a million tokens in and out, in US dollars.
        by_name: Whether the names of provider and model alone find a list price. On a server of one's own
            they do not, unless its owner says so.
    """
    input_usd, output_usd = own
    if input_usd is not None and output_usd is not None:
        return PriceTable("own", partial(_own_usd, input_usd, output_usd))
    places = []
    if base_url is not None:
        places.append({"provider_api_url": base_url})
    if by_name and provider in LISTED:
        places.append({"provider_id": LISTED[provider]})
    for where in places:
        if usd := _list_prices(model, where):
            return PriceTable(f"genai-prices {version('genai-prices')}", usd)
    return None


def charge_for(
    prices: PriceTable | None, usage: tuple[int, int], *, estimate: tuple[int, int]
) -> Charge:
    """Return what a call cost.

    Args:
        prices: What the model that answered charges; None if unknown.
        usage: Tokens in and out as the provider counted them.
        estimate: Our own count. Where the provider counted none, the cost is unknown, and the price of
            this estimate counts against caps.
    """
    if prices is None:
        return Charge()
    if any(usage):
        usd = prices.usd(*usage)
        return Charge(usd, None, prices.source if usd is not None else "")
    return Charge(None, prices.usd(*estimate))


def _own_usd(
    input_usd: Decimal, output_usd: Decimal, prompt_tokens: int, completion_tokens: int
) -> Decimal:
    return (prompt_tokens * input_usd + completion_tokens * output_usd) / 1_000_000


def _fixed_usd(
    call_usd: Decimal,
    input_usd: Decimal,
    output_usd: Decimal,
    prompt_tokens: int,
    completion_tokens: int,
) -> Decimal:
    """Price a call as genai-prices does, to the last digit of the sum."""
    tokens_usd = prompt_tokens * input_usd / 1_000_000 + completion_tokens * output_usd / 1_000_000
    return call_usd + tokens_usd


def _list_prices(model: str, where: Mapping[str, Any]) -> Usd | None:
    """Return how the list prices a call of a model; None if it has no price.

    Looking a price up takes a tenth as long as the rest of a call. Where each token costs the same at any
    time and in any number, it is looked up once.
    """
    found = _listed(model, where, 1, 1)
    if found is None:
        return None

    def looked_up(prompt_tokens: int, completion_tokens: int) -> Decimal | None:
        """Price each call by itself: prices depend on the time of day, or on the number of tokens."""
        listed = _listed(model, where, prompt_tokens, completion_tokens)
        return None if listed is None else listed.total_price

    prices = found.model_price
    if found.model.prices is not prices:  # by date or time of day
        return looked_up
    input_usd, output_usd = prices.input_mtok, prices.output_mtok
    if not isinstance(input_usd, Decimal) or not isinstance(output_usd, Decimal):  # in tiers
        return looked_up
    call_usd = looked_up(0, 0)
    if call_usd is None:
        return looked_up
    fixed = partial(_fixed_usd, call_usd, input_usd, output_usd)
    is_same = all(str(fixed(*tokens)) == str(looked_up(*tokens)) for tokens in _SAMPLES)
    return fixed if is_same else looked_up


def _listed(
    model: str, where: Mapping[str, Any], prompt_tokens: int, completion_tokens: int
) -> PriceCalculation | None:
    # Only ``UpdatePrices.start`` makes it fetch anything. It is never called; a test closes the network.
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - takes 0.35 s and 35 MB

    usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
    try:
        return calc_price(usage, model_ref=model, **where)
    except Exception:  # noqa: BLE001 -- whatever it trips over: a paid answer is not lost for its price
        return None
