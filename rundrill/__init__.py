"""Drills that prove your runbooks."""

__version__ = "0.1.0"
