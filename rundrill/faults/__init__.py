"""One file a fault: preview, inject, prove, undo. The undo is in the ledger before anything changes."""
