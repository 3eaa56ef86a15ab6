# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# lab/lib.sh - what every lab script shares: where things are, how to fail in
# one line, how to show that long work is alive. Sourced, never run.

self=lab/${0##*/}
top=$(cd "$(dirname "$0")/.." && pwd -P)
out=${LAB_OUT:-$top/out}
log=$out/log
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1

die() { printf '%s: %s\n' "$self" "$*" >&2; exit 1; }
say() { printf '%s: %s\n' "$self" "$*" >&2; }

# The header comment of the script is its help.
help() { sed -n '3,/^$/{s/^# \{0,1\}//;p;}' "$0"; exit "${1:-0}"; }

# lock KEY: a value of base.lock.
lock() { sed -n "s/^$1=//p" "$top/base.lock"; }

# Missing tools are reported in one line; lab/need knows the packages.
need() {
	for tool; do
		command -v "$tool" >/dev/null 2>&1 ||
			die "$tool is missing; run lab/need, which installs it or prints the apt-get line"
	done
}

# One job at a time may write below out/; a script started by another one of
# the lab works under its lock.
take_lock() {
	[ -z "${LAB_LOCKED-}" ] || return 0
	mkdir -p "$out" "$log"
	exec 9>"$out/.lock"
	flock -n 9 || { say "waiting for another job in $out"; flock 9; }
	export LAB_LOCKED=1
}

# status TEXT: a line that replaces itself on a terminal and is rare elsewhere.
status() {
	if [ -t 2 ]; then
		printf '\r\033[K%s' "$*" >&2
	else
		printf '%s\n' "$*" >&2
	fi
}
status_end() { if [ -t 2 ]; then printf '\r\033[K' >&2; fi; }

elapsed() { printf '%d:%02d' $((($(date +%s) - $1) / 60)) $((($(date +%s) - $1) % 60)); }
