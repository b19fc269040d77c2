#!/bin/bash
# The tests on a fresh drill cluster, two platforms at a time: two processors do not carry five and tests beside them. A part
# that fails does not keep the others from their turn; those that failed are named in the end.
. "$(dirname "$0")/parts.sh" || exit 2
lifecycle=tests/cluster/test_cluster_lifecycle.py

# The tests of these marks that want these platforms or none; what follows -- goes to pytest.
some_tests() {
    local marks=$1 slugs=() && shift
    while [ "$1" != -- ]; do slugs+=("--on=$1") && shift; done
    $python -m pytest -q -m "cluster and not soak$marks" --ignore $lifecycle "${slugs[@]}" "${@:2}" tests/cluster
}

come() {
    $rundrill up "${@/#/--platform=}" || { echo "$called: $* did not come up" >&2; exit 1; }
}

go() {
    $rundrill down "${@/#/--platform=}"
}

$rundrill down
come aia aiaas
part some_tests '' aia aiaas -- -n 2 --dist loadfile
go aia aiaas
come ai-pipeline ai-data-readiness
part some_tests '' ai-pipeline ai-data-readiness -- -n 2 --dist loadfile
go ai-pipeline ai-data-readiness
come aic-aipaas
part some_tests ' and apart' aic-aipaas -- -n 2 --dist loadfile
part some_tests ' and not apart' aic-aipaas --
part tests/cluster/own-machine.sh $python -m pytest -q -m cluster $lifecycle
name_failed
