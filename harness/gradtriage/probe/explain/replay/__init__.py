"""A body run again and again, each time in a child, as a function of its leaves."""
