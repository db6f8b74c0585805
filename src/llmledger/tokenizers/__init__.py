"""Offline token counting: exact where a tokenizer's data is installed, else a fitted estimate that says how far it may be off."""

from llmledger.tokenizers._estimate import TokenEstimate, estimate_tokens

__all__ = ["TokenEstimate", "estimate_tokens"]
