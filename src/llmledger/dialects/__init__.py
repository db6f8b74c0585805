"""Wire formats: one file each, found by its name; they eat bytes and return what the bytes say."""
