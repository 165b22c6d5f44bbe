"""Statements of more than ten lines."""
