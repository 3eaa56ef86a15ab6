// SPDX-License-Identifier: GPL-2.0-only
/*
 * Let an allocation of memory fail.
 *
 * Fault injection does that for a task and its nth allocation, be it from a slab or of
 * pages. As it comes, it leaves those alone that may sleep, and single pages, and says
 * so much about each failure that the log looks like that of a broken kernel; a test
 * wants none of that. Memory for each CPU it leaves alone, too: the layer asks for that
 * in one place, where it is counted with the rest.
 */

#include <kunit/static_stub.h>
#include <linux/debugfs.h>
#include <linux/sched.h>

#include "../percpu.h"
#include "mock.h"

/**
 * struct failing - The knobs of one sort of allocation
 * @dir: where they are
 * @ignore_blocking: those that may sleep do not fail
 * @verbose: how much is said
 * @ignore_highmem: those of any memory do not fail; NULL if there is no such knob
 * @min_order: smaller ones do not fail; NULL if there is no such knob
 */
struct failing {
	const char *dir;
	bool *ignore_blocking;
	unsigned long *verbose;
	bool *ignore_highmem;
	u32 *min_order;
};

static struct failing slabs = { "failslab" };
static struct failing pages = { "fail_page_alloc" };

/* There is no other interface to a knob than its file, nor to what is behind it */
static void *knob(const char *dir_name, const char *name)
{
	struct dentry *dir, *file;
	void *data = NULL;

	dir = debugfs_lookup(dir_name, NULL);
	if (IS_ERR_OR_NULL(dir))
		return NULL;

	file = debugfs_lookup(name, dir);
	if (file)
		data = d_inode(file)->i_private;
	dput(file);
	dput(dir);
	return data;
}

static void find(struct kunit *test, struct failing *failing)
{
	failing->ignore_blocking = knob(failing->dir, "ignore-gfp-wait");
	failing->verbose = knob(failing->dir, "verbose");
	failing->ignore_highmem = knob(failing->dir, "ignore-gfp-highmem");
	failing->min_order = knob(failing->dir, "min-order");
	KUNIT_ASSERT_NOT_NULL(test, failing->ignore_blocking);
	KUNIT_ASSERT_NOT_NULL(test, failing->verbose);
}

static void set(const struct failing *failing, bool all)
{
	*failing->ignore_blocking = !all;
	*failing->verbose = all ? 0 : 2;
	if (failing->ignore_highmem)
		*failing->ignore_highmem = !all;
	if (failing->min_order)
		*failing->min_order = all ? 0 : 1;
}

static void __percpu *stub_percpu(size_t size, size_t align)
{
	unsigned int nth = mock_fail_nth(0);
	void __percpu *memory = NULL;

	/* What the allocator needs for itself is not the layer's */
	if (nth != 1)
		memory = __alloc_percpu(size, align);
	mock_fail_nth(nth ? nth - 1 : 0);
	return memory;
}

static void mock_fail_stop(void *unused)
{
	mock_fail_nth(0);
	set(&slabs, false);
	if (IS_ENABLED(CONFIG_FAIL_PAGE_ALLOC))
		set(&pages, false);
}

/**
 * mock_fail_start() - Prepare for mock_fail_nth()
 * @test: the test, which is skipped if the kernel cannot do that
 *
 * Ends with the test.
 *
 * Context: Process context of the test, may sleep.
 */
void mock_fail_start(struct kunit *test)
{
	int ret;

	if (!IS_ENABLED(CONFIG_FAILSLAB) ||
	    !IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS))
		kunit_skip(test, "needs CONFIG_FAILSLAB and its files");

	find(test, &slabs);
	set(&slabs, true);
	if (IS_ENABLED(CONFIG_FAIL_PAGE_ALLOC)) {
		find(test, &pages);
		set(&pages, true);
	}
	kunit_activate_static_stub(test, iommu_dma_percpu, stub_percpu);
	ret = kunit_add_action_or_reset(test, mock_fail_stop, NULL);
	KUNIT_ASSERT_EQ(test, ret, 0);
}

/**
 * mock_fail_nth() - Let the nth allocation of this task from now on fail
 * @nth: counted from 1; 0 for none
 *
 * Context: Process context, between mock_fail_start() and the test's end.
 * Return: what was left of the last call: 0 if an allocation has failed.
 */
unsigned int mock_fail_nth(unsigned int nth)
{
	unsigned int left = 0;

#ifdef CONFIG_FAULT_INJECTION
	left = current->fail_nth;
	current->fail_nth = nth;
#endif
	return left;
}
