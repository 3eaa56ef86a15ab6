/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's own. */
#include <linux/atomic.h>
#include <linux/kernel.h>
#include "../../../../include/linux/llist.h"
