"""The pure middle of the program: standard library only, no I/O, no clock, no randomness."""
