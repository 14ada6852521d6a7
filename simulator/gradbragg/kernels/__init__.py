"""Pure tensor functions, one formula a module."""
