/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_CPUMASK_H
#define __SHIM_CPUMASK_H

#include <linux/bitops.h>

#include "../shim.h"

#define nr_cpu_ids ((unsigned int)SHIM_CPUS)
#define cpu_possible(cpu) ((cpu) < nr_cpu_ids)
#define cpu_online(cpu) shim_cpu_online(cpu)
#define for_each_possible_cpu(cpu) \
	for_each_set_bit(cpu, &shim_possible, nr_cpu_ids)

#endif /* __SHIM_CPUMASK_H */
