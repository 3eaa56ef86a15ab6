/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/compiler.h>
#include "../../../../include/linux/cleanup.h"
