"""What model calls cost, from the list prices that genai-prices carries. Offline; no price is a guess."""

from __future__ import annotations

from decimal import Decimal


def cost_usd(model: str, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
    """The list price of these tokens, in US dollars.

    Args:
        model: The model's name as it was called.
        prompt_tokens: Tokens in.
        completion_tokens: Tokens out.

    Returns:
        None where no list price is known: unknown is not zero. Zero where nothing was bought.
    """
    if prompt_tokens == completion_tokens == 0:
        return Decimal(0)
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - takes 0.35 s and 35 MB

    try:
        price = calc_price(
            Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens), model_ref=model
        )
    except LookupError:
        return None
    return price.total_price
