"""Fixtures that several offline tests share; each is started only where a test asks for it."""

from backup_ground import pristine, scratch, shelf, source

__all__ = ["pristine", "scratch", "shelf", "source"]
