"""Where a bill and the ledger differ, and why: `compare` is the way in, `causes` says what can be told apart."""
