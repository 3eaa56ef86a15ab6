/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's own. */
#include "../../../../include/linux/unroll.h"
