// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load: users that map and unmap at random, in whichever context, and look at what
 * they get.
 *
 * What they look at: that no granule of IOVA has two owners, that the device finds the
 * data, that what it writes is found, that no byte beside it changes, and that what was
 * unmapped is gone from the page table. Nothing of this may use KUnit's expectations,
 * as it runs with interrupts off: the first complaint is kept.
 *
 * No locks: a user is one context, what users share is atomic.
 */

#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "../private.h"
#include "load.h"

/* What is beside a piece */
#define BESIDE 0x5a

/* Enough for a mapping to be interrupted at any step */
#define NAP_EVERY 32

static void complain(struct load *load, const char *what)
{
	if (atomic_inc_return(&load->wrong) == 1)
		WRITE_ONCE(load->complaint, what);
}

static unsigned int any(struct load_user *user, unsigned int below)
{
	return prandom_u32_state(&user->rnd) % below;
}

static struct device *device_of(struct load_user *user,
				const struct load_mapping *mapping)
{
	return user->load->dev[mapping->device];
}

/* Who bounces is slow with large buffers, and the others with many small ones */
static size_t any_size(struct load_user *user)
{
	static const size_t most[] = { 64, SZ_4K, SZ_16K, LOAD_AREA };

	return 1 + any(user, most[any(user, ARRAY_SIZE(most))]);
}

/* Mark the granules of a piece as the user's, or as nobody's */
static void mark(struct load_user *user, const struct load_mapping *mapping,
		 const struct load_piece *piece, bool take)
{
	u16 *owner = user->load->owner[mapping->device];
	dma_addr_t last = piece->iova + piece->size - 1;
	u16 old;

	for (u64 at = piece->iova / SZ_4K; at <= last / SZ_4K; at++) {
		if (at >= LOAD_GRANULES) {
			complain(user->load, "an IOVA is out of bounds");
			return;
		}
		old = xchg(&owner[at], take ? user->number : 0);
		if (old != (take ? 0 : user->number))
			complain(user->load, "an IOVA has two owners");
	}
}

static void mark_all(struct load_user *user, const struct load_mapping *mapping,
		     bool take)
{
	for (unsigned int i = 0; i < mapping->nr; i++)
		mark(user, mapping, &mapping->piece[i], take);
}

/* Does the device find the value, at both ends and in between? */
static bool device_sees(struct load_user *user,
			const struct load_mapping *mapping,
			const struct load_piece *piece)
{
	size_t len = min(sizeof(u64[8]), piece->size);
	const size_t at[] = { 0, (piece->size - len) / 2, piece->size - len };
	struct device *dev = device_of(user, mapping);
	u8 seen[sizeof(u64[8])];

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		if (!mock_read(dev, piece->iova + at[i], seen, len) ||
		    memchr_inv(seen, mapping->value, len))
			return false;
	return true;
}

static void check_all(struct load_user *user,
		      const struct load_mapping *mapping)
{
	for (unsigned int i = 0; i < mapping->nr; i++)
		if (!device_sees(user, mapping, &mapping->piece[i]))
			complain(user->load, "a device does not find the data");
}

/* The device writes, and finds what it wrote */
static void write_all(struct load_user *user, struct load_mapping *mapping)
{
	mapping->value++;
	for (unsigned int i = 0; i < mapping->nr; i++)
		if (!mock_fill(device_of(user, mapping), mapping->piece[i].iova,
			       mapping->value, mapping->piece[i].size))
			complain(user->load, "a device cannot write");
}

/* Is every byte of memory what it should be, those beside the pieces as well? */
static void check_memory(struct load_user *user, struct load_mapping *mapping)
{
	u8 *at = mapping->area, *end = at + LOAD_AREA;

	for (unsigned int i = 0; i < mapping->nr; i++) {
		struct load_piece *piece = &mapping->piece[i];

		if (memchr_inv(at, BESIDE, piece->memory - at))
			complain(user->load, "memory beside a buffer changed");
		if (memchr_inv(piece->memory, mapping->value, piece->size))
			complain(user->load, "memory is not what was written");
		at = piece->memory + piece->size;
	}
	if (memchr_inv(at, BESIDE, end - at))
		complain(user->load, "memory behind a buffer changed");
}

/*
 * What was unmapped must not lead to this memory any more. Another user may have the
 * IOVA by now; nobody else maps this memory. What waits in lazy mode is out of the page
 * table.
 */
static void check_gone(struct load_user *user,
		       const struct load_mapping *mapping, bool lazy)
{
	struct iommu_domain *domain =
		iommu_get_domain_for_dev(device_of(user, mapping));

	for (unsigned int i = 0; i < mapping->nr; i++) {
		const struct load_piece *piece = &mapping->piece[i];
		phys_addr_t phys;
		bool found;
		int prot;

		found = lazy ? mock_lookup(domain, piece->iova, &phys, NULL) :
			       mock_reach(domain, piece->iova, &phys, &prot);
		if (found && phys == virt_to_phys(piece->memory))
			complain(user->load,
				 "what was unmapped is still there");
	}
}

static void fill_memory(struct load_mapping *mapping)
{
	memset(mapping->area, BESIDE, LOAD_AREA);
	for (unsigned int i = 0; i < mapping->nr; i++)
		memset(mapping->piece[i].memory, mapping->value,
		       mapping->piece[i].size);
}

static bool get_single(struct load_user *user, struct load_mapping *mapping)
{
	struct load_piece *piece = &mapping->piece[0];

	piece->size = any_size(user);
	piece->memory = mapping->area + any(user, LOAD_AREA - piece->size + 1);
	mapping->nr = 1;
	fill_memory(mapping);
	piece->iova = dma_map_single(device_of(user, mapping), piece->memory,
				     piece->size, mapping->dir);
	return !dma_mapping_error(device_of(user, mapping), piece->iova);
}

static void put_single(struct load_user *user, struct load_mapping *mapping)
{
	dma_unmap_single(device_of(user, mapping), mapping->piece[0].iova,
			 mapping->piece[0].size, mapping->dir);
}

static bool get_list(struct load_user *user, struct load_mapping *mapping)
{
	const size_t stride = LOAD_AREA / LOAD_ENTRIES;
	struct scatterlist *seg = mapping->sgl;
	size_t used = 0;

	mapping->nr = 2 + any(user, LOAD_ENTRIES - 1);
	sg_init_table(mapping->sgl, mapping->nr);
	for (unsigned int i = 0; i < mapping->nr; i++) {
		struct load_piece *piece = &mapping->piece[i];

		piece->size = 1 + any(user, stride / 2);
		piece->memory =
			mapping->area + i * stride + any(user, stride / 2);
		sg_set_buf(&mapping->sgl[i], piece->memory, piece->size);
	}
	fill_memory(mapping);
	if (!dma_map_sg(device_of(user, mapping), mapping->sgl, mapping->nr,
			mapping->dir))
		return false;

	for (unsigned int i = 0; i < mapping->nr; i++) {
		if (used == sg_dma_len(seg)) {
			seg = sg_next(seg);
			used = 0;
		}
		mapping->piece[i].iova = sg_dma_address(seg) + used;
		used += mapping->piece[i].size;
	}
	return true;
}

static void put_list(struct load_user *user, struct load_mapping *mapping)
{
	dma_unmap_sg(device_of(user, mapping), mapping->sgl, mapping->nr,
		     mapping->dir);
}

/* Two links, of which the second starts with a granule and may end anywhere */
static bool get_link(struct load_user *user, struct load_mapping *mapping)
{
	struct load_piece *first = &mapping->piece[0];
	struct load_piece *second = &mapping->piece[1];
	struct device *dev = device_of(user, mapping);
	struct dma_iova_state *state = &mapping->state;
	size_t offset = any(user, SZ_4K);

	mapping->nr = 2;
	first->memory = mapping->area + offset;
	first->size = (1 + any(user, 3)) * SZ_4K - offset;
	second->memory = mapping->area + LOAD_AREA / 2;
	second->size = 1 + any(user, LOAD_AREA / 2);
	fill_memory(mapping);
	if (!dma_iova_try_alloc(dev, state, virt_to_phys(first->memory),
				first->size + second->size))
		return false;
	if (dma_iova_link(dev, state, virt_to_phys(first->memory), 0,
			  first->size, mapping->dir, 0)) {
		dma_iova_free(dev, state);
		return false;
	}
	if (dma_iova_link(dev, state, virt_to_phys(second->memory), first->size,
			  second->size, mapping->dir, 0)) {
		dma_iova_destroy(dev, state, first->size, mapping->dir, 0);
		return false;
	}
	if (dma_iova_sync(dev, state, 0, first->size + second->size)) {
		dma_iova_destroy(dev, state, first->size + second->size,
				 mapping->dir, 0);
		return false;
	}
	first->iova = state->addr;
	second->iova = state->addr + first->size;
	return true;
}

static void put_link(struct load_user *user, struct load_mapping *mapping)
{
	dma_iova_destroy(device_of(user, mapping), &mapping->state,
			 mapping->piece[0].size + mapping->piece[1].size,
			 mapping->dir, 0);
}

static bool get_buffer(struct load_user *user, struct load_mapping *mapping)
{
	struct load_piece *piece = &mapping->piece[0];

	piece->size = (1 + any(user, 4)) * PAGE_SIZE;
	mapping->buffer = dma_alloc_coherent(device_of(user, mapping),
					     piece->size, &piece->iova,
					     GFP_ATOMIC | __GFP_NOWARN);
	if (!mapping->buffer)
		return false;
	mapping->nr = 1;
	mapping->dir = DMA_BIDIRECTIONAL;
	piece->memory = mapping->buffer;
	if (memchr_inv(mapping->buffer, 0, piece->size))
		complain(user->load, "a new buffer is not zero");
	memset(mapping->buffer, mapping->value, piece->size);
	return true;
}

static void put_buffer(struct load_user *user, struct load_mapping *mapping)
{
	if (memchr_inv(mapping->buffer, mapping->value, mapping->piece[0].size))
		complain(user->load, "a buffer is not what was written");
	dma_free_coherent(device_of(user, mapping), mapping->piece[0].size,
			  mapping->buffer, mapping->piece[0].iova);
}

static void get(struct load_user *user, struct load_mapping *mapping)
{
	enum load_kind kind = 1 + any(user, LOAD_NR_KINDS - 1);
	bool got;

	/* Buffers may be had in an interrupt, and must not be freed in one */
	if (kind == LOAD_BUFFER && irqs_disabled() &&
	    mapping != &user->mapping[0])
		kind = LOAD_SINGLE;

	mapping->device = any(user, LOAD_DEVICES);
	mapping->dir = any(user, 2) ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	mapping->value = 1 + any(user, 200);
	switch (kind) {
	case LOAD_SINGLE:
		got = get_single(user, mapping);
		break;
	case LOAD_LIST:
		got = get_list(user, mapping);
		break;
	case LOAD_LINK:
		got = get_link(user, mapping);
		break;
	default:
		got = get_buffer(user, mapping);
	}
	if (!got) {
		atomic_inc(&user->load->refused);
		return;
	}
	mapping->kind = kind;
	atomic_inc(&user->load->done[kind]);
	mark_all(user, mapping, true);
	check_all(user, mapping);
}

static void put(struct load_user *user, struct load_mapping *mapping)
{
	struct iommu_domain *domain =
		iommu_get_domain_for_dev(device_of(user, mapping));
	bool lazy = READ_ONCE(domain->iova_cookie->lazy.made);

	check_all(user, mapping);
	if (mapping->dir == DMA_BIDIRECTIONAL) {
		write_all(user, mapping);
		check_all(user, mapping);
	}
	mark_all(user, mapping, false);
	switch (mapping->kind) {
	case LOAD_SINGLE:
		put_single(user, mapping);
		break;
	case LOAD_LIST:
		put_list(user, mapping);
		break;
	case LOAD_LINK:
		put_link(user, mapping);
		break;
	default:
		put_buffer(user, mapping);
		mapping->kind = LOAD_NONE;
		return;
	}
	mapping->kind = LOAD_NONE;
	/* Lazy mode may have begun meanwhile */
	lazy |= !!READ_ONCE(domain->iova_cookie->lazy.made);
	check_gone(user, mapping, lazy);
	check_memory(user, mapping);
}

/**
 * load_step() - Map something, or unmap something
 * @user: who
 *
 * Context: Any context, but always the same.
 */
void load_step(struct load_user *user)
{
	struct load_mapping *mapping = &user->mapping[any(user, LOAD_LIVE)];

	user->calls++;
	if (mapping->kind == LOAD_NONE)
		get(user, mapping);
	else if (mapping->kind != LOAD_BUFFER || !irqs_disabled())
		put(user, mapping);
}

/**
 * load_drop() - Unmap all that a user has
 * @user: who does not run any more
 *
 * Context: Process context.
 */
void load_drop(struct load_user *user)
{
	for (unsigned int i = 0; i < LOAD_LIVE; i++)
		if (user->mapping[i].kind != LOAD_NONE)
			put(user, &user->mapping[i]);
}

/**
 * load_make() - Make devices for a load
 * @test: the test, which it goes away with
 * @seed: where randomness comes from
 *
 * Whether they are lazy, mock::lazy says.
 *
 * Context: Process context of the test, may sleep.
 * Return: a load without users.
 */
struct load *load_make(struct kunit *test, u32 seed)
{
	struct load *load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	struct mock *mock = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, load);
	load->test = test;
	load->mock = mock;
	load->seed = seed;
	mock->last = (u64)LOAD_GRANULES * SZ_4K - 1;
	mock->irqs = true;
	load->dev[0] = mock_device(mock);
	load->dev[1] = mock_untrusted(mock);
	for (unsigned int i = 0; i < LOAD_DEVICES; i++)
		load->owner[i] = mock_buffer(test, LOAD_GRANULES * sizeof(u16));
	kunit_info(test, "%u CPUs\n", num_online_cpus());
	return load;
}

/**
 * load_user() - Make one more user
 * @load: the load
 *
 * Context: Process context of the test, may sleep.
 * Return: the user, who has nothing.
 */
struct load_user *load_user(struct load *load)
{
	struct kunit *test = load->test;
	struct load_user *user = kunit_kzalloc(test, sizeof(*user), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, user);
	user->load = load;
	user->number = ++load->nr_users;
	prandom_seed_state(&user->rnd, load->seed + user->number);
	for (unsigned int i = 0; i < LOAD_LIVE; i++)
		user->mapping[i].area = mock_buffer(test, LOAD_AREA);
	return user;
}

static int run(void *data)
{
	struct load_user *user = data;

	while (!kthread_should_stop()) {
		load_step(user);
		if (user->calls % NAP_EVERY == 0)
			cond_resched();
	}
	load_drop(user);
	return 0;
}

/**
 * load_start() - Let a task of its own per CPU map and unmap
 * @load: the load, to be stopped by load_stop()
 *
 * Context: Process context of the test, may sleep.
 */
void load_start(struct load *load)
{
	struct kunit *test = load->test;
	unsigned int cpu;

	load->tasks = kunit_kcalloc(test, num_possible_cpus(),
				    sizeof(*load->tasks), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load->tasks);
	for_each_online_cpu(cpu) {
		struct load_user *user = load_user(load);
		struct task_struct *task;

		task = kthread_create_on_cpu(run, user, cpu, "dma-load/%u");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
		load->tasks[load->nr_tasks++] = task;
	}
	for (unsigned int i = 0; i < load->nr_tasks; i++)
		wake_up_process(load->tasks[i]);
}

/**
 * load_stop() - Stop what load_start() has started
 * @load: the load
 *
 * Context: Process context of the test, may sleep.
 */
void load_stop(struct load *load)
{
	while (load->nr_tasks)
		kthread_stop(load->tasks[--load->nr_tasks]);
}

/**
 * load_finish() - Expect that all went well, and that nothing is left
 * @load: the load, of which no user runs or has anything
 *
 * Context: Process context of the test, may sleep.
 */
void load_finish(struct load *load)
{
	struct kunit *test = load->test;
	unsigned int done = 0;

	for (unsigned int kind = LOAD_SINGLE; kind < LOAD_NR_KINDS; kind++) {
		done += atomic_read(&load->done[kind]);
		KUNIT_EXPECT_GT(test, atomic_read(&load->done[kind]), 0);
	}
	kunit_info(test, "%u mappings, %d refused\n", done,
		   atomic_read(&load->refused));
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&load->wrong), 0, "%s",
			    load->complaint);
	/* There is room, and memory */
	KUNIT_EXPECT_LE(test, atomic_read(&load->refused), done / 10);
	for (unsigned int i = 0; i < LOAD_DEVICES; i++) {
		struct iommu_domain *domain =
			iommu_get_domain_for_dev(load->dev[i]);

		KUNIT_EXPECT_NULL(test,
				  memchr_inv(load->owner[i], 0,
					     LOAD_GRANULES * sizeof(u16)));
		mock_drain(domain);
		KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
		KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
	}
}
