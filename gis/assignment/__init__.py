"""Deciding, without reading anything: where a point lies, who answers for it, what may happen next."""
