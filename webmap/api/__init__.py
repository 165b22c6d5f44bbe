"""JSON for programs, and for our own pages: what a page shows, a program can ask for."""
