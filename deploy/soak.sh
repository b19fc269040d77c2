#!/bin/bash
# What takes hours: the soak tests and the whole game day of every platform, two platforms at a time. A part that fails
# does not keep the others from their turn; those that failed are named in the end. Usage: deploy/soak.sh [SLUG...]
. "$(dirname "$0")/parts.sh" || exit 2

# Files one after another, since several want one platform; the cells of the kill table side by side, for each worker has
# ground of its own; and by itself what disturbs a whole node, or what all share.
soak_tests() {
    local table=tests/cluster/test_kill_table.py code=0
    some_tests 'not alone' "$@" --ignore $table tests/cluster || code=1
    some_tests 'not alone' "$@" -n 2 $table || code=1
    some_tests alone "$@" tests/cluster || code=1
    return $code
}

some_tests() {
    $python -m pytest -q -m "cluster and soak and $1" "${@:2}"
    local code=$?
    [ $code -eq 0 ] || [ $code -eq 5 ] # None of these platforms has one.
}

soak() {
    local platforms=("${@/#/--platform=}")
    part $rundrill up "${platforms[@]}"
    part soak_tests "${@/#/--on=}"
    for slug in "$@"; do
        part $rundrill gameday "$slug"
    done
    $rundrill down "${platforms[@]}"
}

$rundrill down
if [ $# -gt 0 ]; then
    soak "$@"
else
    soak aia aiaas
    soak ai-pipeline ai-data-readiness
    soak aic-aipaas
fi
name_failed
