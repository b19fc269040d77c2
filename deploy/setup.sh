#!/usr/bin/env bash
# Makes .venv with exactly what requirements.lock says; installs uv and finds or installs a Python >= 3.12.
# Idempotent: with nothing to do it says nothing and takes a few milliseconds.
set -euo pipefail
# What fails inside $(…) must end the script too.
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

stamp=.venv/lock.sha256
wanted=$(sha256sum requirements.lock | cut -d' ' -f1)
# A checkout that was moved has a launcher that points to where it was.
ready() {
    [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] &&
        [ "$(head -n 1 .venv/bin/rundrill 2>/dev/null)" = "#!$(pwd -P)/.venv/bin/python" ]
}
if ready; then exit 0; fi
# Two makes must not build the same environment at once; the second finds it ready.
exec 9>.setup.lock
flock 9
if ready; then exit 0; fi

say() { printf 'setup: %s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in python3.14 python3.13 python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3; do
        if new_enough "$candidate"; then "$candidate" -c 'import sys; print(sys.executable)'; return; fi
    done
    say "no Python >= 3.12 on this machine: asking uv for one"
    if ! "$uv" python install 3.13 >&2; then
        say "uv could not fetch a Python: install one >= 3.12 (pyenv, a newer Debian), then run this again"
        return 1
    fi
    "$uv" python find 3.13
}

find_uv() {
    if [ -x .tools/bin/uv ]; then echo .tools/bin/uv; return; fi
    # A shim of a version manager may be there and yet not run; an old uv does not know all the words used below.
    if [[ "$(uv venv --help 2>/dev/null)" == *--clear* ]]; then command -v uv; return; fi
    if ! python3 -m venv --help >/dev/null 2>&1 || ! python3 -c 'import ensurepip' 2>/dev/null; then
        say "installing Debian's python3-venv"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    fi
    say "installing uv into .tools"
    python3 -m venv --clear .tools
    .tools/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'
    echo .tools/bin/uv
}

uv=$(find_uv)
python=$(find_python)
say "making .venv with $("$python" -V) and $(grep -c '==' requirements.lock) pinned packages"
"$uv" venv --quiet --clear --python "$python" .venv
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
.venv/bin/python - <<'PY'
# A path file and a launcher do what an editable install does, without fetching an unpinned build backend.
import pathlib
import site

root = pathlib.Path.cwd()
pathlib.Path(site.getsitepackages()[0], "rundrill.pth").write_text(f"{root}\n")
launcher = root / ".venv/bin/rundrill"
launcher.write_text(f"#!{root}/.venv/bin/python\nimport sys\nfrom rundrill.cli import main\nsys.exit(main())\n")
launcher.chmod(0o755)
PY
echo "$wanted" >"$stamp"
