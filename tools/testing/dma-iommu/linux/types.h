/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_TYPES_H
#define __SHIM_TYPES_H

#include_next <linux/types.h>

typedef u64 dma_addr_t;

/**
 * struct phys_vec - A stretch of memory
 * @paddr: where it is
 * @len: bytes
 */
struct phys_vec {
	phys_addr_t paddr;
	size_t len;
};

/**
 * struct rcu_head - What waits for a grace period
 * @next: began to wait later
 * @epoch: which sections it waits for: those that began before
 * @func: what to do then; NULL to free @object
 * @object: what to free
 */
struct rcu_head {
	struct rcu_head *next;
	unsigned long epoch;
	void (*func)(struct rcu_head *head);
	void *object;
};

#endif /* __SHIM_TYPES_H */
