"""A test held against a known-good run of it: the first difference, and the proof."""
