"""Sums in, reports out: sorted, cut to the top, compared, converted and annotated. Nothing here reads a database."""
