"""What runs in the sandbox: unpacking, recognising and opening files that nobody trusts yet."""
