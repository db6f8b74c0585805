"""Models that run inside this program: their files, how they are fetched, and the server that answers for them."""
