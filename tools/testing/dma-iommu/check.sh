#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run all tests of a build, one line for each; the last line is "N passed, N
# failed". See the Makefile.
#
# Usage: check.sh BUILD SEED FUZZ_SECONDS

build=$1
seed=$2
seconds=$3
passed=0
failed=0

# run NAME COMMAND...
run() {
	name=$1
	shift
	echo "$*" >"$build/$name.log"
	if timeout 300 "$@" >>"$build/$name.log" 2>&1 </dev/null; then
		passed=$((passed + 1))
		echo "  ok    $name"
	else
		failed=$((failed + 1))
		echo "  FAIL  $name, see $build/$name.log"
		grep -E '^(step|SUMMARY|corpus|[a-z0-9].*[a-z]$)' \
			"$build/$name.log" | tail -n 2 | sed 's/^/          /'
	fi
}

mkdir -p "$build/found"
export UBSAN_OPTIONS=print_stacktrace=1
run plan "$build/plan" --seed "$seed" --steps 100000
run model "$build/model" --seed "$seed" --steps 8000
run bounds "$build/bounds"
run replay "$build/replay" corpus/*
run threads.tsan "$build/threads.tsan" --seed "$seed" --ops 20000
run threads.asan "$build/threads.asan" --seed "$seed" --ops 50000
run threads.fast "$build/threads.fast" --seed "$seed" --ops 100000
run fuzzer "$build/fuzzer" -only_ascii=1 -max_len=600 -seed="$seed" \
	-max_total_time="$seconds" -artifact_prefix="$build/" \
	"$build/found" corpus

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
