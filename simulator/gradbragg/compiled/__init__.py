"""The inner loop in C, compiled by the system's compiler when it pays, kept for later runs, and called by address."""
