"""From a body that computes gradients to a diagnosis."""
