"""Models of every document: plans in, evidence out. Nothing here runs, reads the clock or imports torch."""
