"""What can be done with Gridward: each function loads, decides and appends in one transaction."""
