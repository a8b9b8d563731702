"""Holdfast takes bookings and their payments and never lets the two drift apart."""

__version__ = "0.1.0"
