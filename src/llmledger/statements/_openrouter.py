"""How OpenRouter and LiteLLM count: prompt tokens include cached and written ones, completion tokens include reasoning."""

from llmledger.core.usage import Quantity


def quantities(prompt: int, cached: int, completion: int, written: int = 0) -> dict[str, Quantity]:
    """Disjoint quantities; cached tokens beyond the prompt count as the whole prompt."""
    cached = min(cached, prompt)
    written = min(written, prompt - cached)
    found = {
        "input_tokens": prompt - cached - written,
        "cache_read_tokens": cached,
        "cache_write_tokens": written,
        "output_tokens": completion,
    }
    return {unit: quantity for unit, quantity in found.items() if quantity}
