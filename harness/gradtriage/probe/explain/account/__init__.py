"""A diagnosis and what is told of it: hypotheses, the path, remedies, the document."""
