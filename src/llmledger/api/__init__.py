"""The Python API: the ledger, its prices and its reports for programs; `llmledger` itself re-exports the names."""
