"""Invoices in the ledger: kept by content, what they cover, and the requests that they are compared with."""
