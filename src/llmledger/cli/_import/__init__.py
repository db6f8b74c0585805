"""The parts of `import`: its plan, its run, restoring what was exported, and schedules."""
