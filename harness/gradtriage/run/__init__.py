"""Running a phase: process, time limit, capture, sealing."""
