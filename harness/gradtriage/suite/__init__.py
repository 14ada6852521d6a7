"""Whole suites: in balanced chunks that lose nothing, whatever a test does to its process."""
