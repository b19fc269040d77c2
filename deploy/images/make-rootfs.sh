#!/bin/bash
# make-rootfs.sh OUT.tar: a Debian 13 root file system with the packages of packages.txt, without the paths of leave-out.txt.
set -euo pipefail

out=$1
here=$(cd "$(dirname "$0")" && pwd)
lines() { grep -vE '^(#|$)' "$here/$1"; }

excludes=()
while read -r path; do
    excludes+=("--dpkgopt=path-exclude=$path")
done < <(lines leave-out.txt)

# Fixed numbers, so that manifests and volumes can name them; the packages find their users there already.
users='postgres:990:/var/lib/postgresql redis:991:/var/lib/redis prometheus:992:/var/lib/prometheus services:993:/srv kafka:994:/var/lib/kafka'
accounts=
for user in $users; do
    IFS=: read -r name id home <<<"$user"
    accounts+="echo $name:x:$id:$id::$home:/bin/bash >> \"\$1/etc/passwd\"; echo $name:x:$id: >> \"\$1/etc/group\";"
done

# No mirror is named: mmdebstrap takes Debian's own, or what apt on this machine is set up to use.
exec mmdebstrap --variant=essential --mode=root --format=tar \
    --aptopt='APT::Install-Recommends "false"' "${excludes[@]}" \
    --essential-hook="$accounts" \
    --essential-hook='mkdir -p "$1/usr/share/man/man1" "$1/usr/share/man/man7"' \
    --include="$(lines packages.txt | paste -sd,)" \
    --customize-hook='rm -rf "$1"/var/lib/postgresql/17 "$1"/etc/postgresql/17 "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*.log "$1"/var/log/apt' \
    --customize-hook='find "$1/usr" -name test -path "*/python3*" -type d -prune -exec rm -rf {} +' \
    --customize-hook='chroot "$1" install -d -o postgres -g postgres /var/run/postgresql /var/lib/postgresql/data' \
    --customize-hook='for applet in nslookup nc wget ping netstat telnet less vi; do ln -s /usr/bin/busybox "$1/usr/local/bin/$applet"; done' \
    trixie "$out"
