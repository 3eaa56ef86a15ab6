/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_MINMAX_H
#define __SHIM_MINMAX_H

#include <linux/kernel.h>

#endif /* __SHIM_MINMAX_H */
