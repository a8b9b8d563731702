"""Two demos that start together never choose the same port."""

from __future__ import annotations

import socket

import pytest

from holdfast.cli.ports import PortClaims, any_free, is_free
from holdfast.errors import ValidationFailed

HOST = "127.0.0.1"


def test_a_port_that_somebody_listens_on_is_not_free_even_if_it_is_shared() -> None:
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        somebody.bind((HOST, 0))
        somebody.listen()
        assert not is_free(HOST, somebody.getsockname()[1])


def test_a_claimed_port_is_nobody_elses_until_it_is_released() -> None:
    ours, theirs = PortClaims(HOST), PortClaims(HOST)
    port = ours.exactly(any_free(HOST))
    with pytest.raises(ValidationFailed, match=str(port)):
        theirs.exactly(port)
    assert theirs.preferably(port) != port
    ours.release()
    assert theirs.exactly(port) == port
    theirs.release()


def test_one_demo_does_not_take_the_same_port_twice() -> None:
    claims = PortClaims(HOST)
    first = claims.preferably()
    assert claims.preferably(first) != first
    claims.release()
