"""What tests stand on: a real PostgreSQL, the sandbox as a process of its own, a real browser."""
