"""Providers: who delivers appointments, what they offer, when they can, and which of their slots are free."""
