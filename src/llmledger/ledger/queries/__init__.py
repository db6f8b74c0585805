"""Questions to a ledger: sums by the coarsest roll-up that is exact, single requests, and what leaves for other programs."""
