/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Load: users that map and unmap at random, in whichever context, and look at what
 * they get.
 *
 * user: what runs in one context of one CPU. Each has mappings of its own, memory for
 * them, and a table of what it expects to find there. owner: the user that has a
 * granule of IOVA.
 */
#ifndef __DMA_IOMMU_TESTS_LOAD_H
#define __DMA_IOMMU_TESTS_LOAD_H

#include <linux/atomic.h>
#include <linux/dma-mapping.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>

#include "mock.h"

/* What a user has at the same time, and memory for each of these */
#define LOAD_LIVE 6
#define LOAD_AREA SZ_32K
#define LOAD_ENTRIES 4
/* IOVA of a device: granules */
#define LOAD_GRANULES 16384U
#define LOAD_DEVICES 2

/**
 * enum load_kind - How something was mapped
 * @LOAD_NONE: not
 * @LOAD_SINGLE: as one buffer
 * @LOAD_LIST: as a scatterlist
 * @LOAD_LINK: in two steps
 * @LOAD_BUFFER: the layer has allocated it
 * @LOAD_NR_KINDS: how many there are
 */
enum load_kind {
	LOAD_NONE,
	LOAD_SINGLE,
	LOAD_LIST,
	LOAD_LINK,
	LOAD_BUFFER,
	LOAD_NR_KINDS,
};

/**
 * struct load_piece - A part of a mapping that is somewhere in memory
 * @memory: where
 * @iova: where for the device
 * @size: bytes
 */
struct load_piece {
	u8 *memory;
	dma_addr_t iova;
	size_t size;
};

/**
 * struct load_mapping - What a user has mapped, and expects
 * @kind: how
 * @device: for which device of the load
 * @dir: direction
 * @value: all bytes of it
 * @area: memory for it, of LOAD_AREA bytes
 * @nr: pieces
 * @piece: where they are
 * @sgl: the list
 * @state: of the two-step API
 * @buffer: the buffer
 */
struct load_mapping {
	enum load_kind kind;
	unsigned int device;
	enum dma_data_direction dir;
	u8 value;
	u8 *area;
	unsigned int nr;
	struct load_piece piece[LOAD_ENTRIES];
	struct scatterlist sgl[LOAD_ENTRIES];
	struct dma_iova_state state;
	void *buffer;
};

struct load;

/**
 * struct load_user - What runs in one context
 * @load: the load
 * @number: of the user, from 1 on
 * @rnd: where its randomness comes from
 * @calls: how often it did something
 * @mapping: what it has
 */
struct load_user {
	struct load *load;
	u16 number;
	struct rnd_state rnd;
	unsigned long calls;
	struct load_mapping mapping[LOAD_LIVE];
};

/**
 * struct load - Users, and the devices that they map for
 * @test: the test
 * @mock: the mock
 * @dev: a plain device, and one that bounces
 * @owner: per device and granule of its IOVA the user that has it, or 0
 * @seed: where all randomness comes from
 * @nr_users: how many there are
 * @stop: they are to end
 * @done: mappings that were made, of each kind
 * @refused: how many were not, for want of room
 * @wrong: things that must not happen
 * @complaint: the first of them
 * @tasks: of load_start()
 * @nr_tasks: how many
 */
struct load {
	struct kunit *test;
	struct mock *mock;
	struct device *dev[LOAD_DEVICES];
	u16 *owner[LOAD_DEVICES];
	u32 seed;
	unsigned int nr_users;
	bool stop;
	atomic_t done[LOAD_NR_KINDS];
	atomic_t refused;
	atomic_t wrong;
	const char *complaint;
	struct task_struct **tasks;
	unsigned int nr_tasks;
};

struct load *load_make(struct kunit *test, u32 seed);
struct load_user *load_user(struct load *load);
void load_step(struct load_user *user);
void load_drop(struct load_user *user);
void load_start(struct load *load);
void load_stop(struct load *load);
void load_finish(struct load *load);

#endif /* __DMA_IOMMU_TESTS_LOAD_H */
