"""What one replay does: its operations and backward nodes, and other operations in their place."""
