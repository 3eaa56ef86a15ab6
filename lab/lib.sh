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

# What makes two builds of the same tree the same.
fixed_build_identity() {
	export KBUILD_BUILD_TIMESTAMP='Sat Jan  1 00:00:00 UTC 2000' KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab
}

# Put ccache before $cc when it is there. Its cache is below out/ unless the
# user has one.
use_ccache() {
	command -v ccache >/dev/null || return 0
	cc="ccache $cc"
	export CCACHE_DIR="${CCACHE_DIR:-$out/ccache}" CCACHE_BASEDIR="$out" CCACHE_NOHASHDIR=1
}

# watch_objects BUILD START: until watch_end, say how far a kernel build is.
watch_objects() {
	trap 'watch_end' EXIT
	trap 'exit 130' INT TERM
	: >"$1/lab.building"
	(
		exec 9>&-
		every=30
		[ ! -t 2 ] || every=2
		while sleep $every >/dev/null 2>&1; do
			status "  $(find "$1" -name '*.o' -newer "$1/lab.building" 2>/dev/null | wc -l) objects compiled, $(elapsed "$2")"
		done
	) &
	watcher=$!
}

watch_end() {
	trap - EXIT INT TERM
	kill "$watcher" 2>/dev/null
	status_end
}

# no_warning LOG: fail if a compiler or the kernel's build warned.
no_warning() {
	if grep -q 'warning: ' "$1"; then
		grep 'warning: ' "$1" | head -n 20 >&2
		die "$(grep -c 'warning: ' "$1") warnings; see $1"
	fi
}
