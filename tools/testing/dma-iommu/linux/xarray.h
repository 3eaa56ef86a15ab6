/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's own. */
#include <linux/bug.h>
#include <linux/export.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include "../../../../include/linux/xarray.h"
