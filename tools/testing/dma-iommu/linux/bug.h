/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_BUG_H
#define __SHIM_BUG_H

#include_next <linux/bug.h>

#include "../shim.h"

/* A warning of the kernel's ends the test */
#define WARN_ON(condition)                                  \
	({                                                  \
		bool __is = (condition);                    \
		if (__is)                                   \
			shim_die("a warning: " #condition); \
		__is;                                       \
	})
#define WARN_ON_ONCE(condition) WARN_ON(condition)

#endif /* __SHIM_BUG_H */
