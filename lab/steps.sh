# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154 # what lib.sh sets
#
# lab/steps.sh - what a job that is a row of tests counts. Sourced after lib.sh.

passed=0
failed=0

# step sum|one TITLE COMMAND...: it has to end in its sum, or is one test
step() {
	kind=$1
	title=$2
	echo "== $title"
	shift 2
	rm -f "$log/${self##*/}.status" "$log/${self##*/}.step"
	{ "$@" </dev/null; echo $? >"$log/${self##*/}.status"; } | tee "$log/${self##*/}.step"
	status=$(cat "$log/${self##*/}.status" 2>/dev/null)
	sum=
	more=1
	fewer=0
	if [ "$kind" = sum ]; then
		sum=$(tail -n 1 "$log/${self##*/}.step" | sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p')
		more=${sum% *}
		fewer=${sum#* }
	fi
	passed=$((passed + ${more:-0}))
	failed=$((failed + ${fewer:-0}))
	[ "$status" != 0 ] || [ "${fewer:-1}" != 0 ] || [ "$more" = 0 ] || return 0
	# It failed: say so in its own words or in ours, and count it once.
	[ "$kind" = sum ] || passed=$((passed - 1))
	[ "${fewer:-0}" != 0 ] || missed "$title" "status ${status:-unknown}, sum ${sum:-none}"
	return 1
}

# missed TITLE WHY: a step that failed as a whole, or never ran
missed() {
	failed=$((failed + 1))
	echo "  FAIL  $1: $2"
}

# sum_up: the last line of the job; it succeeds if all of it has.
sum_up() {
	echo
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
