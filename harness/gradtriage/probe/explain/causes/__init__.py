"""What can be wrong with a gradient, a module per kind, each with its proof."""
