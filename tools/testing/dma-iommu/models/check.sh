#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Check the models, one line for each; the last line is "N passed, N failed".
#
# Three kinds:
#   lazy/...	flush.pml, by spin
#   chunk/...	interleave.c: threads in chunk.c, all of their interleavings
#   show/...	show_*.c: CBMC, on the functions of the kernel's files themselves
#
# Each is also tried with bugs put in, which have to be found: by -DBREAK_* in
# flush.pml, by a change to a copy of the kernel's file otherwise. Then the line says
# what was broken, and "ok" that it was noticed.
#
# Usage: check.sh BUILD [PATTERN]	only those that match, as in 'lazy/*'
#
# From the environment: SPIN, CBMC, CC; MINUTES for one of them, 10 if not set.

here=$(cd "$(dirname "$0")" && pwd -P)
build=$1
only=${2:-*}
SPIN=${SPIN:-spin}
CBMC=${CBMC:-cbmc}
CC=${CC:-gcc}
seconds=$((${MINUTES:-10} * 60))
room=$here/../../../../drivers/iommu/dma-iommu
passed=0
failed=0

for tool in "$SPIN" "$CBMC" "$CC"; do
	command -v "$tool" >/dev/null || {
		echo "check.sh: $tool is missing" >&2
		exit 1
	}
done
mkdir -p "$build" && build=$(cd "$build" && pwd -P) || exit 1

# wanted NAME: then it has a directory of its own, and a line begins
wanted() {
	# shellcheck disable=SC2254 # a pattern
	case $1 in
	$only) ;;
	*) return 1 ;;
	esac
	name=$1
	dir=$build/$1
	rm -rf "$dir"
	mkdir -p "$dir"
	began=$(date +%s)
}

# verdict STATUS [WHY]
verdict() {
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
		echo "  ok    $name ($(($(date +%s) - began)) s)"
	else
		failed=$((failed + 1))
		echo "  FAIL  $name: ${2:-see $dir}"
	fi
}

# limited COMMAND...: not for ever, and not with all the memory
limited() {
	# shellcheck disable=SC3045 # dash has it as well
	(ulimit -v 8000000; exec timeout "$seconds" nice "$@")
}

# Lazy mode

# spin_run OPTION...: 0 nothing was found, 1 something was, 2 it did not work
spin_run() {
	fair=
	define=
	case " $* " in
	*" -DLIVE "*) fair="-a -f" define=-DNFAIR=3 ;;
	esac
	(
		cd "$dir" || exit 2
		"$SPIN" -a "$@" "$here/flush.pml" >spin.log 2>&1 || exit 2
		# shellcheck disable=SC2086 # words
		$CC -O2 -w -DCOLLAPSE -DMEMLIM=4000 $define -o model pan.c >cc.log 2>&1 || exit 2
		# shellcheck disable=SC2086 # words
		limited ./model -m100000 $fair >pan.log 2>&1 || exit 2
		rm -f model pan.[bchmpt]
		grep -q 'errors: 1$' pan.log && exit 1
		! grep -qE 'Search not completed|out of memory|max search depth' pan.log &&
			grep -q 'errors: 0$' pan.log || exit 2
	)
}

# lazy NAME OPTION...: nothing is found
lazy() {
	wanted "lazy/$1" || return
	shift
	spin_run "$@"
	status=$?
	why=$(grep -m 1 '^pan:1' "$dir/pan.log" 2>/dev/null || echo "it did not end")
	verdict $status "$why, see $dir"
}

# lazy_break NAME WHAT OPTION...: WHAT is found, in the words of spin
lazy_break() {
	wanted "lazy/break-$1" || return
	define=$(echo "$1" | tr a-z- A-Z_)
	what=$2
	shift 2
	grep -q "BREAK_$define\\>" "$here/flush.pml" || {
		verdict 1 "flush.pml has no BREAK_$define"
		return
	}
	spin_run "-DBREAK_$define" "$@"
	[ $? = 1 ] && grep -m 1 '^pan:1' "$dir/pan.log" | grep -qF "$what"
	verdict $? "not found, see $dir"
}

# Each step of the model is in the source, in the function and in the order that it
# says, and each atomic access of flush.c is in the model.
lines() {
	wanted lazy/lines || return
	awk -v room="$room" -f "$here/lines.awk" "$here/flush.pml" >"$dir/found"
	[ ! -s "$dir/found" ]
	verdict $? "$(wc -l <"$dir/found") differ: $(head -n 1 "$dir/found")"
}

reach='!(pte[out])'
direct='!(pte[r])'
wait='queued[i]'
lines
lazy queue-each -DRANGES=3 -DRING=2 -DCUT
lazy queue-single -DRANGES=3 -DQUEUES=1 -DRING=1 -DCUT
lazy end -DRING=1 -DEND -DCUT
lazy end-single -DRANGES=3 -DRING=1 -DQUEUES=1 -DEND
lazy suspend -DSUSPEND
lazy destroy -DDESTROY
lazy released -DLIVE -DRANGES=3
lazy window -DTIMED -DRANGES=3
lazy window-single -DTIMED -DRANGES=6 -DRING=6 -DCPUS=1 -DPERIOD=1 -DDAYS=8
lazy window-others -DTIMED -DRANGES=4 -DRING=3 -DPERIOD=3 -DDAYS=8 -DUNEVEN
lazy window-preempted -DTIMED -DPREEMPTED -DRING=1 -DCUT
lazy_break no-mb-queue "$reach" -DRANGES=3 -DQUEUES=1
lazy_break no-mb-started "$reach" -DRANGES=3 -DQUEUES=1
lazy_break no-mb-finished "$reach" -DRANGES=3 -DQUEUES=1
lazy_break count-too-late "$reach" -DRANGES=3 -DQUEUES=1
lazy_break flushed-too-soon "$reach" -DRANGES=3 -DQUEUES=1
lazy_break note-finished "$reach" -DRANGES=3 -DQUEUES=1
lazy_break full-is-flushed "$direct" -DRANGES=3 -DQUEUES=1 -DRING=1
lazy_break ignore-ended strict -DEND
lazy_break end-after-flush strict -DEND
lazy_break count-finished before -DSUSPEND
lazy_break finished-goes-back before -DSUSPEND
lazy_break head-before-iova before -DSUSPEND
lazy_break destroy-without-mutex gone -DDESTROY
lazy_break timers-live-on gone -DDESTROY
lazy_break destroy-without-flush freed -DDESTROY
lazy_break no-rearm "acceptance cycle" -DLIVE
lazy_break forget-those-behind "$wait" -DTIMED -DRANGES=6 -DRING=6 -DCPUS=1 -DPERIOD=1 -DDAYS=8
lazy_break wait-for-preempted "$wait" -DTIMED -DPREEMPTED -DRING=1 -DCUT
lazy_break rearm-late "$wait" -DTIMED -DRANGES=4 -DRING=3 -DPERIOD=3 -DDAYS=8 -DUNEVEN

# A copy of the kernel's files, perhaps with a bug

# copy [FILE SED]: into $dir. Fails if that changes nothing.
copy() {
	cp "$room"/chunk.[ch] "$room"/region.[ch] "$room"/sg.[ch] \
		"$room"/flush.[ch] "$room"/private.h "$dir" || return 1
	[ $# = 2 ] || return 0
	sed -i "$2" "$dir/$1"
	! cmp -s "$room/$1" "$dir/$1"
}

# Threads in chunk.c

# explore TEST...
explore() {
	$CC -g -O1 -std=gnu11 -fno-strict-aliasing -fno-stack-protector -D_GNU_SOURCE \
		-DCONFIG_PHYS_ADDR_T_64BIT "-DIS_ENABLED(option)=0" \
		"-DSHIM_CLEANUP(f)=__attribute__((__unused__, __cleanup__(f)))" -DSHIM_STIR \
		-I"$dir" -I"$here/.." -isystem "$here/../../../include" \
		-o "$dir/interleave" "$here/interleave.c" "$dir/chunk.c" \
		"$here/../../../lib/hweight.c" "$here/../../../lib/find_bit.c" \
		>"$dir/cc.log" 2>&1 || return 2
	limited "$dir/interleave" "$@" >"$dir/log" 2>&1 || return
	# It was there, and not alone
	grep -q ' states: ' "$dir/log"
}

chunk() {
	wanted "chunk/$1" || return
	copy && explore "$1"
	verdict $? "$(head -n 1 "$dir/log" 2>/dev/null), see $dir"
}

# chunk_break NAME TEST FILE SED: TEST has to fail, in its own words
chunk_break() {
	wanted "chunk/break-$1" || return
	copy "$3" "$4" || {
		verdict 1 "$3 has no such line"
		return
	}
	explore "$2"
	[ $? = 1 ] && grep -q "^$2: " "$dir/log"
	verdict $? "not found by $2, see $dir"
}

# The names are alone on their lines
tests=$(sed -n 's/^\t\t"\([a-z0-9-]*\)",$/\1/p' "$here/interleave.c")
for test in ${tests:-none}; do
	chunk "$test"
done
while read -r kind break test file sed; do
	[ "$kind" != chunk ] || chunk_break "$break" "$test" "$file" "$sed"
done <"$here/breaks"

# CBMC

# prove OPTION...: 0 it is so, 10 it is not; $source and $function are set
prove() {
	(
		cd "$here" || exit 2
		limited "$CBMC" "$source" --function "$function" -D_GNU_SOURCE -I . -I "$dir" \
			-I .. -I ../../../include --no-standard-checks --bounds-check \
			--undefined-shift-check --div-by-zero-check --unwinding-assertions \
			--slice-formula "$@" >"$dir/log" 2>&1
	)
}

ring_functions="waiting full entry_at is_flushed oldest_flushed release_some fill move_to"

# prepare [FILE SED]: what CBMC reads, in $dir
prepare() {
	copy "$@" || return 1
	case $source in
	show_chunk.c) sed -i "s/\(CHUNK_GRANULES\) 512U/\1 ${granules}U/" "$dir/chunk.h" ;;
	show_region.c)
		awk -v names="iommu_dma_offset iommu_dma_granules" -f "$here/extract.awk" \
			"$dir/private.h" >"$dir/granules.h"
		;;
	show_ring.c)
		awk -v names="iommu_dma_waiting iommu_dma_queue iommu_dma_flush" \
			-f "$here/extract.awk" "$dir/flush.h" >"$dir/ring.h" &&
		awk -v names="$ring_functions" \
			-f "$here/extract.awk" "$dir/flush.c" >>"$dir/ring.h"
		;;
	esac
}

# show NAME: true; and what it is shown of is there
show() {
	wanted "show/$1" || return
	set_proof "$1"
	prepare || {
		verdict 1 "$source cannot be made"
		return
	}
	# shellcheck disable=SC2086 # words
	prove $options
	status=$?
	[ $status = 0 ] && {
		mv "$dir/log" "$dir/log.proof"
		# shellcheck disable=SC2086 # words
		prove -DCOVER --no-bounds-check --no-undefined-shift-check \
			--no-div-by-zero-check $options
		# Each place that is to be reached is
		grep -q "^\[$function\..*cover.*: FAILURE\$" "$dir/log" &&
			! grep -q "^\[$function\..*cover.*: SUCCESS\$" "$dir/log" || {
			verdict 1 "a place is never reached, see $dir"
			return
		}
	}
	verdict $status "$(grep -m 1 ': FAILURE$' "$dir/log" || tail -n 1 "$dir/log")"
}

# show_break NAME PROOF FILE SED: the proof has to fail
show_break() {
	wanted "show/break-$1" || return
	set_proof "$2"
	prepare "$3" "$4" || {
		verdict 1 "$3 has no such line"
		return
	}
	# shellcheck disable=SC2086 # words
	prove --stop-on-fail $options
	[ $? = 10 ] && grep -q '^Violated property:' "$dir/log"
	verdict $? "not found, see $dir"
}

chunks="word-mask align-up word-runs word-starts take-in-word take-across take-long give
	give-in-word take-all give-all claim quarantine"
regions="block-order fits necessary-order sufficient-order granules"
rings="waiting move-to is-flushed release-some"
plans="place no-hole range-align can-join list:plain list:padded"

# One number per word of a map: with 128 granules there are two words
granules=128
loops=iommu_dma_chunk_take_in_word.0:2,iommu_dma_word_runs.0:7,set_bits.0:2,take_long.0:3

# is_one_of NAME LIST
is_one_of() {
	# shellcheck disable=SC2086,SC2116 # words
	case " $(echo $2) " in *" $1 "*) ;; *) return 1 ;; esac
}

# set_proof NAME: the function, the file that it is in, and how often loops go round
set_proof() {
	function=show_$(echo "${1%%:*}" | tr - _)
	if is_one_of "$1" "$chunks"; then
		source=show_chunk.c options="--unwind 3 --unwindset $loops"
	elif is_one_of "$1" "$regions"; then
		source=show_region.c options="--unwind 1"
	elif is_one_of "$1" "$rings"; then
		source=show_ring.c options="--unwind 5"
	else
		source=show_sg.c options="--unwind 4"
	fi
	[ "$1" != list:plain ] || options="$options -DPLAIN"
}

for proof in $chunks $regions $rings $plans; do
	show "$proof"
done
while read -r kind break proof file sed; do
	[ "$kind" != show ] || show_break "$break" "$proof" "$file" "$sed"
done <"$here/breaks"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
