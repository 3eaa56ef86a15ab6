/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_KCONFIG_H
#define __SHIM_KCONFIG_H

/* IS_ENABLED() is in the Makefile: nothing is */

#endif /* __SHIM_KCONFIG_H */
