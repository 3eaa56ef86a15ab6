/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An IOVA space, a model of it, and steps that are taken in both.
 */
#ifndef __WORLD_H
#define __WORLD_H

#include "../../../drivers/iommu/dma-iommu/tests/space_check.h"

/**
 * struct source - Where decisions come from
 * @state: of the random numbers, if there is no text
 * @text: characters of six bits each; what is not printable is left out
 * @end: where they end
 *
 * A text that has come to its end goes on with zeroes.
 */
struct source {
	u64 state;
	const unsigned char *text;
	const unsigned char *end;
};

void source_random(struct source *source, u64 seed);
void source_text(struct source *source, const void *text, size_t size);
bool source_is_over(const struct source *source);
/* A number below @range */
u64 pick(struct source *source, u64 range);

/**
 * struct item - What the model knows of a stretch that is not free
 * @first: first granule
 * @last: last granule
 * @kind: whose it is
 */
struct item {
	u64 first;
	u64 last;
	enum item_kind {
		ITEM_USED,
		ITEM_QUARANTINED,
		ITEM_RESERVED,
	} kind;
};

/**
 * struct world - A space and its model
 * @space: the space
 * @source: decides what happens
 * @item: all that is not free, by address, without overlap
 * @count: how many items there are
 * @room: for how many there is memory
 * @first: first granule that may be handed out
 * @last: last granule
 * @border: first granule above 4 GiB, which no allocation crosses
 * @used: granules of items that are used or quarantined
 * @reserved: granules of items that are reserved
 * @quarantined: bytes that should be
 * @full: how many items are many: giving back goes before taking then
 * @step: which step this is
 * @ticked: the last request came in a jiffy of its own
 * @verbose: say each step
 */
struct world {
	struct iommu_dma_space space;
	struct source *source;
	struct item *item;
	size_t count;
	size_t room;
	u64 first;
	u64 last;
	u64 border;
	u64 used;
	u64 reserved;
	long quarantined;
	size_t full;
	unsigned long step;
	bool ticked;
	bool verbose;
};

#define WORLD_KINDS 15

/* Each ends the test with a message if the space and the model differ */
void world_begin(struct world *world, struct source *source, unsigned int kind);
void world_step(struct world *world);
void world_check(struct world *world);
void world_end(struct world *world);
const char *world_name(unsigned int kind);

/* What libFuzzer calls, by its own name for it */
#define ITS_NAME __asm__("LLVMFuzzerTestOneInput")
int fuzz_one(const unsigned char *data, size_t size) ITS_NAME;

#endif /* __WORLD_H */
