"""The way out: HTTP to providers. Nothing outside this folder speaks HTTP as a client."""
