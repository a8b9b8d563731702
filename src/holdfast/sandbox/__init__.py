"""An imitation of Stripe, of an SMS provider and of a mail server, with a ledger and faults of its own.

It stands outside the system it tests: it imports nothing of Holdfast and is spoken to only over its wires,
so it can be used by programs that have never heard of Holdfast. Start it with `python -m holdfast.sandbox`.
"""
