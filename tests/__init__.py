"""Mirrors src; beside it laws/, simulation/, browser/ and house/ (the repository tests itself)."""
