// SPDX-License-Identifier: GPL-2.0-only
/*
 * Let an allocation of memory fail.
 *
 * Fault injection does that for a task and its nth allocation. As it comes, it
 * leaves those alone that may sleep, and says so much about each failure that the
 * log looks like that of a broken kernel; a test wants neither.
 */

#include <linux/debugfs.h>
#include <linux/sched.h>

#include "mock.h"

static bool *ignore_blocking;
static unsigned long *verbose;

/* There is no other interface to a knob than its file, nor to what is behind it */
static void *knob(const char *name)
{
	struct dentry *dir, *file;
	void *data = NULL;

	dir = debugfs_lookup("failslab", NULL);
	if (IS_ERR_OR_NULL(dir))
		return NULL;

	file = debugfs_lookup(name, dir);
	if (file)
		data = d_inode(file)->i_private;
	dput(file);
	dput(dir);
	return data;
}

static void mock_fail_stop(void *unused)
{
	mock_fail_nth(0);
	*ignore_blocking = true;
	*verbose = 2;
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

	ignore_blocking = knob("ignore-gfp-wait");
	verbose = knob("verbose");
	KUNIT_ASSERT_NOT_NULL(test, ignore_blocking);
	KUNIT_ASSERT_NOT_NULL(test, verbose);
	*ignore_blocking = false;
	*verbose = 0;
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
