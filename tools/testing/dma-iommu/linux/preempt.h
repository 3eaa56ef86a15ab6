/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_PREEMPT_H
#define __SHIM_PREEMPT_H

#include <linux/cleanup.h>

#include "../shim.h"

#define preempt_disable() shim_enter()
#define preempt_enable() shim_leave()

DEFINE_LOCK_GUARD_0(preempt, preempt_disable(), preempt_enable())

#endif /* __SHIM_PREEMPT_H */
