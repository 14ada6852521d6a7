"""The leaves of a body: which is which from replay to replay, what becomes of their memory, and moving them."""
