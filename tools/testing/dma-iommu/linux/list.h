/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's own: that of tools/ knows nothing of lockless readers. */
#include <linux/poison.h>
#include <linux/stddef.h>
#include <asm/barrier.h>
#include "../../../../include/linux/list.h"
