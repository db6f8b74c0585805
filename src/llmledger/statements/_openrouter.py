"""How OpenRouter counts: prompt tokens include cached ones, completion tokens include reasoning."""

from llmledger.core.usage import Quantity


def quantities(prompt: int, cached: int, completion: int) -> dict[str, Quantity]:
    """Disjoint quantities; cached tokens beyond the prompt count as the whole prompt."""
    cached = min(cached, prompt)
    found = {"input_tokens": prompt - cached, "cache_read_tokens": cached, "output_tokens": completion}
    return {unit: quantity for unit, quantity in found.items() if quantity}
