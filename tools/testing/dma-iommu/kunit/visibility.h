/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_VISIBILITY_H
#define __SHIM_VISIBILITY_H

/* EXPORT_SYMBOL_IF_KUNIT() is in the Makefile */
#define VISIBLE_IF_KUNIT static

#endif /* __SHIM_VISIBILITY_H */
