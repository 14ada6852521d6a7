"""The source of the code under test: places in it, backward formulas, and what it says is meant."""
