"""The only places that touch the world: one file for each client library."""
