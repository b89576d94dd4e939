"""What is counted: sweeps, ranks, groups, intervals."""
