/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands in for the kernel below the allocator: memory that may run out,
 * CPUs that come and go, RCU.
 *
 * All of it is made of the compiler's atomics, which ThreadSanitizer
 * understands.
 */
#ifndef __SHIM_H
#define __SHIM_H

#include <stdbool.h>
#include <stddef.h>

#include <../../include/linux/compiler_attributes.h>
/* The C library has its own use for it */
#undef __alloc_size__

#define SHIM_CPUS 8

/* Bytes between the copies that two CPUs have of a per-CPU variable */
#define SHIM_PERCPU_STRIDE 256

extern unsigned long shim_page_size;

/* Everything that the kernel would complain of ends the test */
void __noreturn __printf(1, 2) shim_die(const char *format, ...);

/* The nth allocation from now fails, and with @all those after it: 0 for none */
void shim_fail(unsigned long nth, bool all);
unsigned long shim_failures(void);
/* Bytes that have been allocated and not freed */
long shim_live(void);

void *shim_alloc(size_t size, bool zero, bool may_sleep);
void shim_free(const void *object);
void *shim_alloc_percpu(size_t size);

/* Which CPU this thread is on, and which there are */
extern const unsigned long shim_possible;
unsigned int shim_cpu(void);
void shim_set_cpu(unsigned int cpu);
bool shim_cpu_online(unsigned int cpu);
void shim_set_online(unsigned int cpu, bool online);

unsigned long shim_jiffies(void);
void shim_tick(void);

/* Sections in which nothing that was there when they began is freed by RCU */
void shim_enter(void);
void shim_leave(void);
/* Sections in which nobody may sleep, which do not hold RCU up */
void shim_lock_depth(int change);
bool shim_may_sleep(void);
bool shim_in_section(void);
/* Under a lock, all of which have interrupts off here */
bool shim_irqs_off(void);

/*
 * Let other threads run, or go to another CPU, now and then: by chance two
 * threads seldom meet. Called wherever one could notice the other.
 */
void shim_stir_on(unsigned int seed);

/* Called by ThreadSanitizer */
const char *__tsan_default_suppressions(void);

#ifdef SHIM_STIR
extern __thread unsigned int shim_stir_left;
void shim_stir_now(void);
static inline void shim_stir(void)
{
	if (!--shim_stir_left)
		shim_stir_now();
}
#else
static inline void shim_stir(void)
{
}
#endif

#endif /* __SHIM_H */
