"""Requests: a customer asks, the card is authorised, the provider answers, and only a yes takes the money."""
