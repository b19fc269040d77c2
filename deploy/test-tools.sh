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
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends postgresql >/dev/null
