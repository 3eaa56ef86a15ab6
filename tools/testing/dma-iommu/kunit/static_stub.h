/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_STATIC_STUB_H
#define __SHIM_STATIC_STUB_H

#define KUNIT_STATIC_STUB_REDIRECT(...) ((void)0)

#endif /* __SHIM_STATIC_STUB_H */
