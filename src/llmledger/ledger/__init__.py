"""The only SQL of the program: one SQLite file per user, written exactly once per request."""
