"""Money of a second payment under one attempt: pure.

An intent or a charge may be told before the session that it was made by, and then only our own id in its metadata says where it
belongs. Should a second session carry the same id (F10, F11), its money is filed under the first one's attempt, too. In whatever
order it is told: each intent that took money is looked at by itself, one is kept, and every other one goes back (F31).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdfast.stripe_gateway.evidence import Evidence
from holdfast.stripe_gateway.lattice import only


def paid_intents(evidence: Evidence) -> list[str]:
    """Every intent that took money, by itself or by a captured charge."""
    succeeded = {id_ for id_, facts in evidence.of("intent").items() if facts.get("status") == "succeeded"}
    charged = {
        only(facts, "payment_intent")
        for facts in evidence.of("charge").values()
        if facts.get("status") == "succeeded" and facts.get("captured")
    }
    return sorted(id_ for id_ in succeeded | charged if id_)


def strays(evidence: Evidence, recorded: Iterable[str]) -> list[str]:
    """The intents that took money which is not among the payments yet."""
    return sorted(set(paid_intents(evidence)) - set(recorded))


def of_intent(evidence: Evidence, intent_id: str) -> Evidence:
    """What is known of one intent's money alone, without any session."""
    charges = {
        id_: facts
        for id_, facts in evidence.of("charge").items()
        if only(facts, "payment_intent") == intent_id
    }
    intents: Mapping[str, Any] = {
        id_: facts for id_, facts in evidence.of("intent").items() if id_ == intent_id
    }
    return Evidence({"charge": charges, "intent": intents})
