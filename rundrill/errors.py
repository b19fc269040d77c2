"""Everything that can go wrong, by who must act.

RundrillError
├── PolicyError    the author of a policy mends a file            exit 2
├── TargetError    the operator mends a cluster, address or right exit 2
├── NoEvidence     nobody knows yet: the promise is UNKNOWN       exit 3
├── Interrupted    somebody pressed Ctrl-C: undone and reported   exit 130
└── UndoError      a fault may still be in place: act now         exit 4
"""


class RundrillError(Exception):
    """The root of every error that rundrill raises on purpose."""

    exit_code = 1


class PolicyError(RundrillError):
    """The policy says something that cannot be read; the message holds one line for each place."""

    exit_code = 2


class TargetError(RundrillError):
    """The target cannot be reached, or refuses what was asked of it."""

    exit_code = 2


class NoEvidence(RundrillError):
    """A promise could not be measured, so it is UNKNOWN; never read this as compliance."""

    exit_code = 3


class Interrupted(RundrillError):
    """The run was stopped by a signal after its faults were undone."""

    exit_code = 130


class UndoError(RundrillError):
    """A fault was not undone, or nobody could prove that it was."""

    exit_code = 4
