"""One command for continuous integration: suite, comparison, explanation, ledger, and what a CI system reads."""
