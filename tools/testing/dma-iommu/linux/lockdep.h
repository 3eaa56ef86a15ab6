/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_LOCKDEP_H
#define __SHIM_LOCKDEP_H

#include <linux/spinlock.h>

#define lockdep_is_held(lock) shim_is_mine(lock)

#define lockdep_assert_held(lock)                               \
	do {                                                    \
		if (!lockdep_is_held(lock))                     \
			shim_die("a lock is not held: " #lock); \
	} while (0)

#endif /* __SHIM_LOCKDEP_H */
