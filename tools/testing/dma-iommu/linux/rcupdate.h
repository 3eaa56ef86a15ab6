/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_RCUPDATE_H
#define __SHIM_RCUPDATE_H

#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/preempt.h>
#include <linux/types.h>

#define rcu_read_lock() shim_enter()
#define rcu_read_unlock() shim_leave()

DEFINE_LOCK_GUARD_0(rcu, rcu_read_lock(), rcu_read_unlock())

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void shim_kfree_rcu(void *object, size_t head);

#define kfree_rcu(object, member)                                              \
	({                                                                     \
		__auto_type __object = (object);                               \
		shim_kfree_rcu(__object, offsetof(typeof(*__object), member)); \
	})

#define rcu_assign_pointer(p, value)                             \
	({                                                       \
		__atomic_store_n(&(p), value, __ATOMIC_RELEASE); \
		shim_stir();                                     \
	})
#define RCU_INIT_POINTER(p, value) WRITE_ONCE(p, value)

#define rcu_dereference_raw(p)                           \
	({                                               \
		shim_stir();                             \
		__atomic_load_n(&(p), __ATOMIC_ACQUIRE); \
	})
#define rcu_access_pointer(p) READ_ONCE(p)

#define rcu_dereference_check(p, condition)                                 \
	({                                                                  \
		if (!shim_in_section() && !(condition))                     \
			shim_die("a pointer is read outside of a section"); \
		rcu_dereference_raw(p);                                     \
	})
#define rcu_dereference(p) rcu_dereference_check(p, false)
#define rcu_dereference_sched(p) rcu_dereference_check(p, false)

#define rcu_dereference_protected(p, condition)                         \
	({                                                              \
		if (!(condition))                                       \
			shim_die("a pointer is read without its lock"); \
		__atomic_load_n(&(p), __ATOMIC_RELAXED);                \
	})

#endif /* __SHIM_RCUPDATE_H */
