"""What was seen before: the registry of clusters, and a database of outcomes that follows from the evidence folders."""
