"""What `--help` shows under each command: examples, and what the exit status says."""

OVERVIEW = """\
examples:
  rundrill up                            a drill cluster with a platform on it
  rundrill gate                          read-only checks
  rundrill plan first                    what that game day would touch
  rundrill faults                        which faults work here, and why not
  rundrill gameday first                 faults under load, restores, report
  rundrill drill lose-the-auth-service   one experiment
  rundrill report                        the summary of the newest run
  rundrill coverage                      what is promised, and measured here
  rundrill defects                       what the runbooks get wrong, shown
  rundrill down                          nothing of the cluster stays

rundrill COMMAND --help tells the rest.
"""
_EXITS = """\
exit status:
  0 passes                     3 a must promise is unknown
  1 a must promise is missed   4 an undo failed: run rundrill recover
  2 wrong call or policy       130 interrupted; undone and reported
"""
OF_EACH_COMMAND = {
    "up": """\
examples:
  rundrill up                  makes or heals; seconds where all runs already
  rundrill up --platform aia   this platform, beside those that run
  rundrill up --no-platform    Kubernetes and nothing on it
""",
    "down": """\
examples:
  rundrill down                  nothing of the cluster stays; caches do
  rundrill down --platform aia   this platform, its volumes and namespaces
""",
    "status": "exit status: 0 where every part is in order, 1 where one is not.",
    "kubeconfig": """\
example:
  kubectl --kubeconfig "$(rundrill kubeconfig)" get pods --all-namespaces
""",
    "lint": "exit status: 0 where nothing is wrong, 2 where something is.",
    "gate": f"""\
examples:
  rundrill gate                        on the drill cluster
  rundrill gate --runbook aic-aipaas   one runbook's promises
  rundrill gate --context production   on a cluster of your kubeconfig

{_EXITS}""",
    "gameday": f"""\
examples:
  rundrill gameday         the game day `first`, as make drill runs it
  rundrill gameday all     every experiment, restore and crowd

{_EXITS}""",
    "drill": f"""\
examples:
  rundrill drill lose-the-auth-service
  rundrill drill aic-aipaas.restore.manual-dump aic-aipaas.alert.db-pool

{_EXITS}""",
    "plan": """\
examples:
  rundrill plan         the game day `first`
  rundrill plan all     everything that slo.yaml plans

exit status: 0, or 2 where the guard would refuse a fault.
""",
    "stop": "exit status: 0 where every fault is undone, 4 where one is open after 10 s.",
    "coverage": """\
examples:
  rundrill coverage                        all runbooks, by kind
  rundrill coverage --runbook aia --list   what is not met there, and why

columns: met, missed and unknown by the newest verdicts in reports/; unrun:
measurable, and no run looked yet; planned: its experiment is not written;
lacking: the target lacks what it needs; people: rests on a signed record.

exit status: 0; 1 where a clause of a runbook is no promise.
""",
    "defects": """\
examples:
  rundrill defects                       every row, in scratch pods of its own
  rundrill defects --runbook aiaas
  rundrill defects --saved               what is on record; runs nothing

exit status: 0 where all that was asked for is shown, 1 where a row is not.
""",
    "recover": "exit status: 0 where no fault is open any more, 4 where one could not be undone.",
    "report": """\
examples:
  rundrill report                    the newest run
  rundrill report 20270131-093012    a folder of reports/
""",
}
