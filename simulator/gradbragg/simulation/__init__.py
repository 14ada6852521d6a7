"""From models to an image: what is sampled, in which blocks, and how it is weighted."""
