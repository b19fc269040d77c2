"""Backups to scratch servers: compared with what the source held at the dump, and timed."""

from rundrill.restore.backup import read_backup
from rundrill.restore.drill import measure_restore
from rundrill.restore.literal import knows, literal_restore

__all__ = ["knows", "literal_restore", "measure_restore", "read_backup"]
