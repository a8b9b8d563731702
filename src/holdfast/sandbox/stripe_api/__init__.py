"""Stripe's v1 wire protocol (and the little of v2 that thin events need), over the sandbox's ledger."""

API_VERSION = "2026-10-28.endive"
