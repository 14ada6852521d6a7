"""What a person reads: summary page and terminal lines."""
