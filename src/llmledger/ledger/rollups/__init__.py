"""Roll-ups: caught up from rows, kept up by whoever reads, and checked against what they stand for."""
