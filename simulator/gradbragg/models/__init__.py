"""Crystal, beam and detector: from configurations in users' units to tensors."""
