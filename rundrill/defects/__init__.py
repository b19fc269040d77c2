"""A runbook's defects, each shown: by its literal form in a drill, by both forms side by side, or by the text's numbers."""

from rundrill.defects.chapter import defect_rows
from rundrill.defects.literals import show_defects
from rundrill.defects.rows import show_rows
from rundrill.defects.saved import RowSeen, current, read_seen, save_seen

__all__ = ["RowSeen", "current", "defect_rows", "read_seen", "save_seen", "show_defects", "show_rows"]
