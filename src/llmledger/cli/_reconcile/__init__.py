"""The parts of `reconcile`: fetching, comparing, recorded statements, and how the answer is written."""
