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
# A make above has no say in how many jobs a make below runs.
unset MAKEFLAGS MFLAGS MAKELEVEL
# A checkout may be somebody else's, as in a container: git reads it all the same.
n=${GIT_CONFIG_COUNT:-0}
export "GIT_CONFIG_KEY_$n=safe.directory" "GIT_CONFIG_VALUE_$n=*" GIT_CONFIG_COUNT=$((n + 1))

die() { printf '%s: %s\n' "$self" "$*" >&2; exit 1; }
say() { printf '%s: %s\n' "$self" "$*" >&2; }

# What make and QEMU take apart cannot be in a name.
case $out in *[[:space:],:]*) die "'$out' has a space, a comma or a colon in it; use another directory" ;; esac

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

# cross ARCH: what the names of the tools for that architecture begin with.
cross() {
	case $1-$(uname -m) in
	arm64-aarch64 | x86_64-x86_64) ;;
	arm64-*) echo aarch64-linux-gnu- ;;
	x86_64-*) echo x86_64-linux-gnu- ;;
	*) die "there is no architecture $1" ;;
	esac
}

# Put ccache before $cc when it is there. Its cache is below out/ unless the
# user has one.
use_ccache() {
	command -v ccache >/dev/null || return 0
	cc="ccache $cc"
	export CCACHE_DIR="${CCACHE_DIR:-$out/ccache}" CCACHE_BASEDIR="$out" CCACHE_NOHASHDIR=1
	# kbuild has every compiler write its dependencies, so a miss need not
	# run the preprocessor a second time.
	export CCACHE_DEPEND=1 CCACHE_SLOPPINESS=time_macros,include_file_mtime,include_file_ctime
}

# watch_objects BUILD START: until watch_end, say how far a kernel build is.
watch_objects() {
	trap 'watch_end' EXIT
	trap 'exit 130' HUP INT TERM
	: >"$1/lab.building"
	(
		exec 9>&-
		every=30
		[ ! -t 2 ] || every=2
		while sleep $every >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
			status "  $(find "$1" -name '*.o' -newer "$1/lab.building" 2>/dev/null | wc -l) objects compiled, $(elapsed "$2")"
		done
	) &
	watcher=$!
}

watch_end() {
	trap - EXIT HUP INT TERM
	kill "$watcher" 2>/dev/null
	status_end
}

# note_warnings LOG BUILD ID: keep what compilers, linkers, modpost, objtool and
# kconfig warned about, in whatever case they write it. A warning is not printed
# again when nothing is compiled again: it stays until another tree is built.
note_warnings() {
	[ "$(head -n 1 "$2/lab.warnings" 2>/dev/null)" = "$3" ] || echo "$3" >"$2/lab.warnings"
	grep -iE '(^|[: ])warning: ' "$1" >>"$2/lab.warnings" || :
}

# no_warning LOG BUILD: fail if any was noted.
no_warning() {
	warnings=$(tail -n +2 "$2/lab.warnings" | sort -u)
	[ -n "$warnings" ] || return 0
	printf '%s\n' "$warnings" | head -n 20 >&2
	die "$(printf '%s\n' "$warnings" | wc -l) warnings, kept in $2/lab.warnings; see $1"
}
