"""Databases beside Holdfast's own on the same server."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def ensure_sibling(url: str, name: str) -> str:
    """The URL of the database `name` on the server that `url` names; made if it is not there."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(url, autocommit=True) as conn:
        if conn.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
