#!/usr/bin/env bash
# Installs the servers that offline tests start on loopback: today a PostgreSQL, which is never run as a service.
set -euo pipefail

if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
    echo "tests: no PostgreSQL server and not root: the restore traps will be skipped" >&2
    exit 0
fi
echo "tests: installing Debian's postgresql (not started)" >&2
# Without this file dpkg would start a server on the default port.
ours=()
trap 'rm -f "${ours[@]}"' EXIT
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    ours=("$policy")
fi
# And without this one it would make a cluster that starts with the machine.
preset=/etc/postgresql-common/createcluster.d/rundrill.conf
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p "${preset%/*}"
    echo 'create_main_cluster = false' >"$preset"
    ours+=("$preset")
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends postgresql >/dev/null
