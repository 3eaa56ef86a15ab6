// SPDX-License-Identifier: GPL-2.0-only
/*
 * What stands in for the kernel below the allocator, see shim.h.
 */

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "../../../lib/radix-tree.h"

unsigned long shim_page_size = 4096;

void shim_die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/*
 * What the xarray does without atomics although others look on, and means to: who
 * searches for marks without the lock may miss one that is being set, and an array
 * that becomes empty loses its head by a plain write of NULL. What llist_del_first()
 * reads after somebody was quicker is ordered by the address alone.
 */
const char *__tsan_default_suppressions(void)
{
	return "race:xas_find_chunk\n"
	       "race:xa_mark_set\n"
	       "race:xa_mark_clear\n"
	       "race:xas_delete_node\n"
	       "race:llist_del_first\n";
}

/* Memory */

static long live;
static unsigned long failures;
static long fail_left;
static bool fail_all;

void shim_fail(unsigned long nth, bool all)
{
	fail_all = all;
	__atomic_store_n(&fail_left, (long)nth, __ATOMIC_RELAXED);
}

unsigned long shim_failures(void)
{
	return __atomic_load_n(&failures, __ATOMIC_RELAXED);
}

long shim_live(void)
{
	return __atomic_load_n(&live, __ATOMIC_RELAXED);
}

static bool fails_now(void)
{
	long left = __atomic_load_n(&fail_left, __ATOMIC_RELAXED);

	if (!left)
		return false;
	if (left > 1 || !fail_all)
		left = __atomic_sub_fetch(&fail_left, 1, __ATOMIC_RELAXED);
	else
		left = 0;
	if (left)
		return false;
	__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
	return true;
}

void *shim_alloc(size_t size, bool zero, bool may_sleep)
{
	/* As kmalloc(): aligned to the largest power of two that divides it */
	size_t align = size & -size;
	void *object;

	if (may_sleep && !shim_may_sleep())
		shim_die("an allocation that may sleep where nobody may");
	if (fails_now())
		return NULL;
	if (align < 16)
		align = 16;
	if (align > 4096)
		align = 4096;
	if (posix_memalign(&object, align, size))
		shim_die("out of memory");
	/* What was not asked to be zero is not: nobody may count on that [V9] */
	memset(object, zero ? 0 : 0xa5, size);
	__atomic_fetch_add(&live, (long)malloc_usable_size(object),
			   __ATOMIC_RELAXED);
	return object;
}

void shim_free(const void *object)
{
	void *gone = (void *)object;

	if (!gone)
		return;
	__atomic_fetch_sub(&live, (long)malloc_usable_size(gone),
			   __ATOMIC_RELAXED);
	free(gone);
}

void *shim_alloc_percpu(size_t size)
{
	if (size > SHIM_PERCPU_STRIDE)
		shim_die("SHIM_PERCPU_STRIDE is too small");
	return shim_alloc(SHIM_CPUS * SHIM_PERCPU_STRIDE, true, true);
}

/* The nodes of an xarray come from its cache, which is no other memory here */
struct kmem_cache *radix_tree_node_cachep;

void radix_tree_node_rcu_free(struct rcu_head *head)
{
	shim_free(container_of(head, struct xa_node, rcu_head));
}

void *shim_alloc_node(gfp_t gfp, size_t size, size_t list)
{
	struct list_head *private_list;
	char *node = shim_alloc(size, true, gfpflags_allow_blocking(gfp));

	if (node) {
		private_list = (struct list_head *)(node + list);
		private_list->next = private_list;
		private_list->prev = private_list;
	}
	return node;
}

/* CPUs */

static __thread unsigned int this_cpu;
static unsigned long online = (1UL << SHIM_CPUS) - 1;
const unsigned long shim_possible = (1UL << SHIM_CPUS) - 1;

unsigned int shim_cpu(void)
{
	return this_cpu;
}

void shim_set_cpu(unsigned int cpu)
{
	this_cpu = cpu;
}

bool shim_cpu_online(unsigned int cpu)
{
	return __atomic_load_n(&online, __ATOMIC_RELAXED) >> cpu & 1;
}

static unsigned long now;

unsigned long shim_jiffies(void)
{
	return __atomic_load_n(&now, __ATOMIC_RELAXED);
}

void shim_tick(void)
{
	__atomic_fetch_add(&now, 1, __ATOMIC_RELAXED);
}

void shim_set_online(unsigned int cpu, bool is)
{
	if (is)
		__atomic_fetch_or(&online, 1UL << cpu, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&online, ~(1UL << cpu), __ATOMIC_RELAXED);
}

/*
 * RCU, by epochs. A thread that enters a section notes which epoch it is; what
 * is to be freed begins a new one, and goes when no thread is in a section that
 * began before: not earlier, but also not a moment later, so that who looks at
 * it outside of a section is found out.
 */

#define MAX_READERS 1024

/* The epoch in which each thread entered its section, or 0 */
static struct reader {
	unsigned long epoch;
} __aligned(64) readers[MAX_READERS];

static unsigned int reader_count;
static unsigned long epoch = 1;
static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rcu_head *waiting, **waiting_tail = &waiting;
static unsigned long waiting_count;

static __thread struct reader *self;
static __thread unsigned int sections;
static __thread int locks;
static __thread struct rcu_head *deferred;

static struct reader *reader(void)
{
	unsigned int number;

	if (!self) {
		number = __atomic_fetch_add(&reader_count, 1, __ATOMIC_SEQ_CST);
		if (number >= MAX_READERS)
			shim_die("too many threads");
		self = &readers[number];
	}
	return self;
}

/* The lowest epoch in which a section that has not ended began */
static unsigned long oldest_section(void)
{
	unsigned int count = __atomic_load_n(&reader_count, __ATOMIC_SEQ_CST);
	unsigned long oldest = ~0UL, began;

	for (unsigned int i = 0; i < count && i < MAX_READERS; i++) {
		began = __atomic_load_n(&readers[i].epoch, __ATOMIC_SEQ_CST);
		if (began && began < oldest)
			oldest = began;
	}
	return oldest;
}

static struct rcu_head *first_over(unsigned long oldest)
{
	struct rcu_head *head = waiting;

	if (!head || head->epoch > oldest)
		return NULL;
	waiting = head->next;
	if (!waiting)
		waiting_tail = &waiting;
	__atomic_fetch_sub(&waiting_count, 1, __ATOMIC_RELAXED);
	return head;
}

static void free_what_is_over(void)
{
	unsigned long oldest;
	struct rcu_head *head;

	do {
		pthread_mutex_lock(&waiting_lock);
		oldest = oldest_section();
		head = first_over(oldest);
		pthread_mutex_unlock(&waiting_lock);
		if (!head)
			break;
		if (head->func)
			head->func(head);
		else
			shim_free(head->object);
	} while (1);
}

static void after_grace_period(struct rcu_head *head)
{
	pthread_mutex_lock(&waiting_lock);
	head->next = NULL;
	head->epoch = __atomic_add_fetch(&epoch, 1, __ATOMIC_SEQ_CST);
	*waiting_tail = head;
	waiting_tail = &head->next;
	__atomic_fetch_add(&waiting_count, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&waiting_lock);
	free_what_is_over();
}

/*
 * Only the xarray's own: it calls this a moment before others cannot find the node
 * any more. It may, as its lock is a section as well; but not one to those who use
 * the xarray, or less would be found out.
 */
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	if (locks) {
		head->next = deferred;
		deferred = head;
	} else {
		after_grace_period(head);
	}
}

void shim_kfree_rcu(void *object, size_t offset)
{
	struct rcu_head *head = object + offset;

	head->func = NULL;
	head->object = object;
	after_grace_period(head);
}

void shim_enter(void)
{
	struct reader *me = reader();

	shim_stir();
	if (sections++)
		return;
	__atomic_exchange_n(&me->epoch,
			    __atomic_load_n(&epoch, __ATOMIC_SEQ_CST),
			    __ATOMIC_SEQ_CST);
}

void shim_leave(void)
{
	if (!sections)
		shim_die("a section ends that did not begin");
	if (--sections)
		return;
	__atomic_exchange_n(&self->epoch, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&waiting_count, __ATOMIC_RELAXED))
		free_what_is_over();
	shim_stir();
}

bool shim_in_section(void)
{
	return sections;
}

void shim_lock_depth(int change)
{
	struct rcu_head *head;

	locks += change;
	while (!locks && (head = deferred)) {
		deferred = head->next;
		after_grace_period(head);
	}
}

bool shim_irqs_off(void)
{
	return locks;
}

bool shim_may_sleep(void)
{
	return !sections && !locks;
}

/* Chance */

static __thread unsigned int stir_state;

#ifdef SHIM_STIR
__thread unsigned int shim_stir_left;

static unsigned int stir_random(void)
{
	stir_state = stir_state * 1664525 + 1013904223;
	return stir_state >> 8;
}

void shim_stir_now(void)
{
	unsigned int cpu;

	if (!stir_state)
		return;
	shim_stir_left = 1 + stir_random() % 200;
	switch (stir_random() % 4) {
	case 0:
		/* A task may go to another CPU, but not in the middle */
		cpu = stir_random() % SHIM_CPUS;
		if (shim_may_sleep() && shim_cpu_online(cpu))
			shim_set_cpu(cpu);
		break;
	case 1:
		shim_tick();
		for (cpu = stir_random() % 1000; cpu; cpu--)
			__asm__ __volatile__("" : : : "memory");
		break;
	default:
		sched_yield();
	}
}
#endif

void shim_stir_on(unsigned int seed)
{
	stir_state = seed | 1;
#ifdef SHIM_STIR
	shim_stir_left = 1;
#endif
}
