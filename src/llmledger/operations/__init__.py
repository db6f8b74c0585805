"""One verb per file: each takes values, returns a frozen result, and never prints."""
