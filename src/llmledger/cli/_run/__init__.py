"""The parts of `run`: what is sent, to which model, and how the answer is shown."""
