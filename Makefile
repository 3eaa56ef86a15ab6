# SPDX-License-Identifier: GPL-2.0
# A thin front: every job is a script below lab/ with its own --help.

MAKEFLAGS += --no-print-directory --no-builtin-rules
export LINUX MACHINE MINUTES MODE PAGE PROFILE SEED SIGNOFF V
.NOTPARALLEL:

help:
	@echo 'make run        boot the kernel, move real data through real drivers, print a table'
	@echo 'make test       KUnit under QEMU, the allocator in user space, the x86_64 build, tests of the lab'
	@echo 'make test-all   the same on other machines: other IOMMUs, 64K pages, 16 CPUs, lazy mode,'
	@echo '                kernels that look for mistakes (KASAN, KCSAN, UBSAN ...), coverage, models,'
	@echo '                hostile, five minutes of soak'
	@echo 'make coverage   the lines and branches that the KUnit suites reach, and what is left'
	@echo 'make hostile    sixteen devices that attack, a thousand times, and QEMU as a witness'
	@echo 'make models     what is proven by spin and CBMC of lazy mode, the chunks and the plan'
	@echo 'make mutate     break the layer in stated ways, one at a time, and see that tests fail'
	@echo 'make soak       all devices busy for MINUTES=n, and disturbed in every way'
	@echo 'make bench      what mapping costs a driver, beside the pristine base'
	@echo 'make bench-iova the IOVA allocator beside the base'"'"'s, in instructions'
	@echo 'make check      checkpatch, W=1, sparse, Coccinelle, kernel-doc, HTML, clang-format, the series'
	@echo 'make configurations  build what is ours for kernels that lack what others have'
	@echo 'make series     the patches for the list, in out/series'
	@echo 'make verify-series  that they apply, build and pass one after the other; hours'
	@echo 'make tree       the patched kernel tree, in out/tree'
	@echo 'make clean      remove what was built; downloads and the base stay'
	@echo 'make distclean  remove out/'
	@echo
	@echo 'LINUX=PATH      use that Linux 7.3.y tree as the base; it is only read'
	@echo 'PAGE=1          make bench: put the table into Documentation/, too'
	@echo 'PROFILE=WHAT    make bench: where the instructions of a call go, as in PROFILE=list-64'
	@echo 'QUICK=1         make verify-series: without building'
	@echo 'SEED=N          make soak: the random numbers of that run'
	@echo 'SIGNOFF="Name <mail>"  make series: sign them off'
	@echo 'V=1             show the logs as well'

run:
	@lab/run

test:
	@lab/need x86 qemu userspace check
	@lab/test

test-all:
	@lab/need build machines models
	@lab/test-all

coverage:
	@lab/need build qemu
	@lab/coverage

hostile:
	@lab/need build qemu
	@lab/hostile

models:
	@lab/need models
	@lab/overlay
	@lab/models

mutate:
	@lab/need build qemu userspace
	@lab/mutate

soak:
	@lab/need build qemu guest
	@lab/soak

bench:
	@lab/bench

bench-iova:
	@lab/need build qemu
	@lab/bench-iova

check:
	@lab/need check
	@lab/check

configurations:
	@lab/need check configurations
	@lab/check configurations

.PHONY: series verify-series
series:
	@lab/need base
	@lab/series

verify-series:
	@lab/need check x86 qemu
	@lab/verify-series $(if $(QUICK),--quick)

tree:
	@lab/need base
	@lab/overlay
	@echo 'The tree is out/tree. Build it outside of itself: make -C out/tree O=DIR ...'

clean:
	@rm -rf out/build out/kunit out/run out/soak out/coverage out/log out/check out/bench out/mutate

distclean:
	@rm -rf out

.PHONY: help run test test-all coverage hostile models mutate soak bench bench-iova check configurations tree clean distclean
