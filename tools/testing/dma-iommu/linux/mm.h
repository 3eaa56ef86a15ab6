/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_MM_H
#define __SHIM_MM_H

#include <linux/align.h>

#include "../shim.h"

/* Each space of the tests may have a CPU of its own page size */
#define PAGE_SIZE shim_page_size

#endif /* __SHIM_MM_H */
