# Sourced by scripts of several parts, which it takes to the top of the checkout: a part that fails does not keep the others
# from their turn, and is named in the end.
set -u
cd "$(dirname "$0")/.." || exit 2
rundrill=.venv/bin/rundrill python=.venv/bin/python failed=() called=$(basename "$0" .sh)
trap 'exit 130' INT TERM

part() {
    echo "$called: $*"
    "$@" || failed+=("$*")
}

name_failed() {
    [ ${#failed[@]} -eq 0 ] || { printf "$called: FAILED: %s\n" "${failed[@]}" >&2; exit 1; }
}
