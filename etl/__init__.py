"""The delivery door: files in."""
