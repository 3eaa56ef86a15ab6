/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_PERCPU_H
#define __SHIM_PERCPU_H

#include "../shim.h"

#define free_percpu(p) shim_free(p)

static inline void *__alloc_percpu(size_t size, size_t align)
{
	return shim_alloc_percpu(size);
}

#define per_cpu_ptr(p, cpu) \
	((typeof(p))((char *)(p) + SHIM_PERCPU_STRIDE * (cpu)))
#define raw_cpu_ptr(p) per_cpu_ptr(p, shim_cpu())
#define this_cpu_ptr(p)                                               \
	({                                                            \
		if (shim_may_sleep())                                 \
			shim_die("this CPU may be another one soon"); \
		raw_cpu_ptr(p);                                       \
	})

#endif /* __SHIM_PERCPU_H */
