/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_SCHED_MM_H
#define __SHIM_SCHED_MM_H

#include "../../shim.h"

#define might_alloc(gfp)                                                      \
	do {                                                                  \
		if (gfpflags_allow_blocking(gfp) && !shim_may_sleep())        \
			shim_die("an allocation may sleep where nobody may"); \
	} while (0)

#endif /* __SHIM_SCHED_MM_H */
