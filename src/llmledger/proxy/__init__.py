"""The proxy: any client, any provider, exactly one durable row per request, and bytes out as they came in."""
