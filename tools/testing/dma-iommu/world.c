// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOVA space, a model of it, and steps that are taken in both.
 *
 * The model is an array of what is not free, in order. What an answer of the
 * space's should be is found by looking at all of it, in the dumbest way that
 * also works for a space of 2^52 bytes.
 *
 * What the model holds the space to:
 * - what is handed out was free, is aligned, at its offset, within its limit;
 * - -ENOSPC is said only if there is no place anywhere, and -ENOMEM only if an
 *   allocation of memory was made to fail;
 * - what cannot be given back is refused, and then nothing has changed;
 * - the validator finds nothing wrong, and counts what the model counts.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static const struct {
	const char *name;
	unsigned int granule;
	unsigned int page;
	dma_addr_t first;
	dma_addr_t last;
} kinds[WORLD_KINDS] = {
	{ "tiny", SZ_4K, SZ_4K, 0, SZ_4M - 1 },
	{ "tiny, 16K", SZ_16K, SZ_16K, 0, SZ_16M - 1 },
	{ "tiny, 64K", SZ_64K, SZ_64K, 0, SZ_64M - 1 },
	{ "one chunk, off its place", SZ_4K, SZ_4K, 0x301000, 0x4fefff },
	{ "less than a chunk", SZ_4K, SZ_4K, 0x310000, 0x34ffff },
	{ "small, both zones", SZ_4K, SZ_4K, 0xffb00000, 0x1004fffffULL },
	{ "small, both zones, 64K", SZ_4K, SZ_64K, 0xff700000, 0x1009fefffULL },
	{ "small, above 4 GiB", SZ_4K, SZ_4K, 0x123456000ULL, 0x123cfffffULL },
	{ "32 bits", SZ_4K, SZ_4K, 0, 0xffffffffULL },
	{ "36 bits", SZ_4K, SZ_4K, 0, 0xfffffffffULL },
	{ "39 bits, 16K", SZ_16K, SZ_16K, 0, 0x7fffffffffULL },
	{ "40 bits, above 4 GiB", SZ_4K, SZ_16K, 0x100000000ULL,
	  0xffffffffffULL },
	{ "48 bits, 64K", SZ_64K, SZ_64K, 0, 0xffffffffffffULL },
	{ "52 bits", SZ_4K, SZ_64K, 0, 0xfffffffffffffULL },
	{ "all 64 bits", SZ_4K, SZ_4K, 0, ~0ULL },
};

const char *world_name(unsigned int kind)
{
	return kinds[kind].name;
}

/* Decisions */

void source_random(struct source *source, u64 seed)
{
	*source = (struct source){ .state = seed * 2 + 1 };
	for (int i = 0; i < 8; i++)
		pick(source, 2);
}

void source_text(struct source *source, const void *text, size_t size)
{
	*source = (struct source){ .text = text };
	source->end = source->text + size;
}

static bool is_printable(unsigned char c)
{
	return c > ' ' && c <= '~';
}

bool source_is_over(const struct source *source)
{
	return source->text && source->text == source->end;
}

static unsigned int six_bits(struct source *source)
{
	while (source->text < source->end && !is_printable(*source->text))
		source->text++;
	if (source->text == source->end)
		return 0;
	return (*source->text++ - '0') & 63;
}

static u64 random_bits(struct source *source)
{
	source->state ^= source->state << 13;
	source->state ^= source->state >> 7;
	source->state ^= source->state << 17;
	return source->state * 0x2545f4914f6cdd1dULL >> 11;
}

u64 pick(struct source *source, u64 range)
{
	u64 number = 0;

	if (range < 2)
		return 0;
	if (!source->text)
		return random_bits(source) % range;
	for (u64 left = range - 1; left; left >>= 6)
		number = number << 6 | six_bits(source);
	return number % range;
}

/* The model */

#define LIKE_PRINTF __printf(2, 3)

static void __noreturn LIKE_PRINTF differs(const struct world *world,
					   const char *format, ...)
{
	char why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	shim_die("step %lu: %s", world->step, why);
}

static void LIKE_PRINTF say(const struct world *world, const char *format, ...)
{
	va_list args;

	if (!world->verbose)
		return;
	printf("%6lu cpu %u: ", world->step, shim_cpu());
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* The first item that ends at @granule or above */
static size_t item_at(const struct world *world, u64 granule)
{
	size_t low = 0, high = world->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (world->item[middle].last < granule)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void count_item(struct world *world, const struct item *item, int sign)
{
	u64 count = (item->last - item->first + 1) * sign;

	if (item->kind == ITEM_RESERVED)
		world->reserved += count;
	else
		world->used += count;
}

static void add_item(struct world *world, u64 first, u64 last,
		     enum item_kind kind)
{
	struct item item = { .first = first, .last = last, .kind = kind };
	size_t at = item_at(world, first);

	if (first < world->first || last > world->last || last < first)
		differs(world, "%llx-%llx is not in the space", (ullong)first,
			(ullong)last);
	if (at < world->count && world->item[at].first <= last)
		differs(world, "%llx-%llx was not free, but %llx-%llx",
			(ullong)first, (ullong)last,
			(ullong)world->item[at].first,
			(ullong)world->item[at].last);

	if (world->count == world->room) {
		world->room *= 2;
		world->item = realloc(world->item, world->room * sizeof(item));
	}
	memmove(&world->item[at + 1], &world->item[at],
		(world->count - at) * sizeof(item));
	world->item[at] = item;
	world->count++;
	count_item(world, &item, 1);
}

static void remove_item(struct world *world, size_t at)
{
	count_item(world, &world->item[at], -1);
	world->count--;
	memmove(&world->item[at], &world->item[at + 1],
		(world->count - at) * sizeof(*world->item));
}

/* The lowest granule from @from on that is at the wanted offset */
static bool next_start(const struct iommu_dma_want *want, u64 from, u64 *start)
{
	u64 over = (from - want->offset) & (want->align - 1);

	*start = from;
	if (from <= want->offset)
		*start = want->offset;
	else if (over)
		*start = from + (want->align - over);
	return *start >= from;
}

static bool fits_between(const struct iommu_dma_want *want, u64 first, u64 last)
{
	u64 start;

	if (last > want->limit)
		last = want->limit;
	return first <= last && next_start(want, first, &start) &&
	       start <= last && last - start >= want->count - 1;
}

/* Is there a place between @first and @last, whatever the limit? */
static bool fits_from_to(const struct world *world,
			 const struct iommu_dma_want *want, u64 first, u64 last)
{
	size_t at;

	if (first < world->first)
		first = world->first;
	if (last > world->last)
		last = world->last;
	if (last < first)
		return false;

	for (at = item_at(world, first); at < world->count; at++) {
		const struct item *item = &world->item[at];

		if (item->first > last)
			break;
		if (item->first > first &&
		    fits_between(want, first, item->first - 1))
			return true;
		if (item->last >= last)
			return false;
		first = item->last + 1;
	}
	return fits_between(want, first, last);
}

static bool fits_low(const struct world *world,
		     const struct iommu_dma_want *want)
{
	return fits_from_to(world, want, 0, world->border - 1);
}

static bool fits_high(const struct world *world,
		      const struct iommu_dma_want *want)
{
	return fits_from_to(world, want, world->border, U64_MAX);
}

/* The space */

static u64 granules(const struct world *world, u64 bytes)
{
	return bytes >> world->space.shift;
}

static u64 bytes(const struct world *world, u64 granules)
{
	return granules << world->space.shift;
}

/* What the space has at @granule. Reads what it is made of. */
static int kind_at(struct world *world, u64 granule)
{
	struct iommu_dma_zone *zone = granule < world->border ?
					      &world->space.low :
					      &world->space.high;
	struct iommu_dma_region *region =
		iommu_dma_regions_at(&zone->regions, granule);
	struct iommu_dma_chunk *chunk;
	unsigned int bit = granule % IOMMU_DMA_CHUNK_GRANULES;

	if (region->kind == IOMMU_DMA_REGION_FREE)
		return -1;
	if (region->kind == IOMMU_DMA_REGION_RESERVED)
		return ITEM_RESERVED;
	if (region->kind != IOMMU_DMA_REGION_CHUNK)
		return ITEM_USED;

	chunk = xa_load(&zone->chunks, granule / IOMMU_DMA_CHUNK_GRANULES);
	if (test_bit(bit, chunk->claimed) && !test_bit(bit, chunk->joined))
		return ITEM_RESERVED;
	return test_bit(bit, chunk->map) ? ITEM_USED : -1;
}

static void check_items(struct world *world)
{
	for (size_t i = 0; i < world->count; i++) {
		const struct item *item = &world->item[i];
		int kind = item->kind == ITEM_RESERVED ? ITEM_RESERVED :
							 ITEM_USED;

		if (kind_at(world, item->first) != kind ||
		    kind_at(world, item->last) != kind)
			differs(world, "%llx-%llx is of another kind",
				(ullong)item->first, (ullong)item->last);
	}
}

void world_check(struct world *world)
{
	long quarantined = atomic_long_read(&world->space.quarantined);
	struct iommu_dma_census census;
	const char *broken = iommu_dma_space_check(&world->space, &census);

	if (broken)
		differs(world, "%s", broken);
	if (census.used != world->used || census.reserved != world->reserved)
		differs(world,
			"%llu used and %llu reserved, but should be %llu and %llu",
			(ullong)census.used, (ullong)census.reserved,
			(ullong)world->used, (ullong)world->reserved);
	if (quarantined != world->quarantined)
		differs(world, "%ld bytes quarantined, but should be %ld",
			quarantined, world->quarantined);
}

/* How many granules: most requests are small, some are larger than a chunk */
static u64 pick_count(struct source *source)
{
	switch (pick(source, 8)) {
	case 0 ... 2:
		return 1 + pick(source, 8);
	case 3:
		return 1ULL << pick(source, 11);
	case 4:
		return 1 + pick(source, 64);
	case 5 ... 6:
		return 1 + pick(source, 512);
	default:
		return 1 + pick(source, 2000);
	}
}

/* Around what is there or at the top, where space is taken, for the most part */
static u64 pick_granule(struct world *world)
{
	struct source *source = world->source;
	u64 span = world->last - world->first;
	u64 granule;

	switch (pick(source, 4)) {
	case 0:
		return world->first + pick(source, span + 1);
	case 1:
		return world->last - pick(source, min(span + 1, (u64)4096));
	default:
		if (!world->count)
			return world->last;
		granule = world->item[pick(source, world->count)].first;
		granule += pick(source, 64);
		return min(granule, world->last);
	}
}

static dma_addr_t pick_limit(struct world *world)
{
	struct source *source = world->source;

	switch (pick(source, 8)) {
	case 0:
		return (1ULL << (10 + pick(source, 54))) - 1;
	case 1:
		/* Not at the end of a granule, either */
		return bytes(world, pick_granule(world)) +
		       pick(source, world->space.granule);
	case 2:
		return U32_MAX;
	default:
		return U64_MAX;
	}
}

static void pick_request(struct world *world, struct iommu_dma_request *request)
{
	struct source *source = world->source;
	u64 count = pick_count(source);

	*request = (struct iommu_dma_request){
		.size = bytes(world, count),
		.limit = pick_limit(world),
		.prefer_32bit = pick(source, 2),
	};
	switch (pick(source, 8)) {
	case 0 ... 2:
		request->align = bytes(world, roundup_pow_of_two(count));
		break;
	case 3:
		request->align = bytes(world, 1ULL << pick(source, 13));
		break;
	case 4:
		request->align = bytes(world, 1ULL << pick(source, 13));
		request->offset = bytes(world,
					pick(source, granules(world,
							      request->align)));
		break;
	case 5:
		request->align = 1ULL << pick(source, 13);
		break;
	default:
		break;
	}
}

static bool to_want(const struct world *world,
		    const struct iommu_dma_request *request,
		    struct iommu_dma_want *want)
{
	size_t granule = world->space.granule;
	u64 limit = request->limit;

	if (limit < granule - 1)
		return false;
	want->count = granules(world, request->size);
	want->align = max_t(u64, granules(world, request->align), 1);
	want->offset = granules(world, request->offset);
	want->limit = granules(world, limit - (granule - 1));
	return true;
}

/* Is nothing there taken at all? */
static bool is_empty(const struct world *world, u64 first, u64 last)
{
	size_t at = item_at(world, first);

	return at == world->count || world->item[at].first > last;
}

/* Is there a chunk for each class of each CPU, and nothing else in it? */
static bool is_roomy(const struct world *world, u64 first, u64 last)
{
	first = max(first, world->first);
	last = min(last, world->last);
	return first <= last &&
	       last - first >= 2 * SHIM_CPUS * IOMMU_DMA_CLASSES *
				       IOMMU_DMA_CHUNK_GRANULES &&
	       is_empty(world, first, last);
}

/* Where all is free, or there is plenty of room, it is used in the right order */
static void check_zone(struct world *world, bool prefer_low,
		       const struct iommu_dma_want *want, u64 first)
{
	if (want->limit < world->border)
		return;
	if (prefer_low && first >= world->border &&
	    is_roomy(world, 0, world->border - 1))
		differs(world, "above 4 GiB, but there is room below");
	/* What is kept goes back once per jiffy */
	if (prefer_low && first >= world->border && world->ticked &&
	    fits_low(world, want) && is_empty(world, 0, world->border - 1))
		differs(world, "above 4 GiB, but nothing is taken below");
	if (!prefer_low && first < world->border &&
	    is_roomy(world, world->border, want->limit))
		differs(world, "below 4 GiB, but there is room above");
}

static void check_place(struct world *world,
			const struct iommu_dma_request *request,
			const struct iommu_dma_want *want, dma_addr_t iova)
{
	u64 first = granules(world, iova), last = first + want->count - 1;

	if (iova & (world->space.granule - 1) ||
	    (first & (want->align - 1)) != want->offset)
		differs(world, "%llx is not at its offset", (ullong)iova);
	if (last > want->limit)
		differs(world, "%llx-%llx is above the limit", (ullong)first,
			(ullong)last);
	if (first < world->border && last >= world->border)
		differs(world, "%llx-%llx crosses 4 GiB", (ullong)first,
			(ullong)last);
	check_zone(world, request->prefer_32bit, want, first);
}

static int take_one(struct world *world,
		    const struct iommu_dma_request *request)
{
	unsigned long failures = shim_failures();
	struct iommu_dma_want want;
	dma_addr_t iova = 0;
	bool fits;
	int ret;

	world->ticked = !world->ticked;
	if (world->ticked)
		shim_tick();
	say(world, "take %zx, align %zx + %zx, limit %llx%s", request->size,
	    request->align, request->offset, (ullong)request->limit,
	    request->prefer_32bit ? ", low" : "");
	ret = iommu_dma_space_alloc(&world->space, request, &iova);
	fits = to_want(world, request, &want) &&
	       (fits_low(world, &want) || fits_high(world, &want));
	say(world, "  %d, %llx", ret, (ullong)iova);

	switch (ret) {
	case 0:
		if (!fits)
			differs(world, "there was no room for what was given");
		check_place(world, request, &want, iova);
		add_item(world, granules(world, iova),
			 granules(world, iova) + want.count - 1, ITEM_USED);
		break;
	case -ENOSPC:
		if (fits)
			differs(world, "refused, but there is room");
		break;
	case -ENOMEM:
		if (shim_failures() == failures)
			differs(world, "out of memory, but there is enough");
		break;
	default:
		differs(world, "error %d", ret);
	}
	return ret;
}

static void step_take(struct world *world)
{
	struct iommu_dma_request request;

	pick_request(world, &request);
	take_one(world, &request);
}

/* Many of one kind, as a driver does that fills its rings */
static void step_take_many(struct world *world)
{
	struct iommu_dma_request request;
	u64 count = 1 + pick(world->source, 64);

	pick_request(world, &request);
	while (count-- && world->count < world->full)
		if (take_one(world, &request))
			break;
}

/* Memory runs out once, or from some point on */
static void step_take_without_memory(struct world *world)
{
	struct iommu_dma_request request;

	pick_request(world, &request);
	shim_fail(1 + pick(world->source, 6), pick(world->source, 2));
	take_one(world, &request);
	shim_fail(0, false);
}

static void step_invalid(struct world *world)
{
	struct iommu_dma_request request;
	dma_addr_t iova;

	pick_request(world, &request);
	switch (pick(world->source, 5)) {
	case 0:
		request.size = 0;
		break;
	case 1:
		request.size += 1 + pick(world->source, 511);
		break;
	case 2:
		request.align = 3 * world->space.granule;
		break;
	case 3:
		request.align = 4 * world->space.granule;
		request.offset = request.align;
		break;
	default:
		request.align = 16 * world->space.granule;
		request.offset = 1 + pick(world->source, 511);
		break;
	}
	say(world, "take what cannot be");
	if (iommu_dma_space_alloc(&world->space, &request, &iova) != -EINVAL)
		differs(world, "a request that means nothing was heard");
}

static bool give_range(struct world *world, u64 first, u64 count)
{
	say(world, "give %llx-%llx", (ullong)first,
	    (ullong)(first + count - 1));
	return iommu_dma_space_free(&world->space, bytes(world, first),
				    bytes(world, count));
}

static bool pick_used(struct world *world, size_t *at)
{
	*at = pick(world->source, world->count);
	return *at < world->count && world->item[*at].kind == ITEM_USED;
}

static void give_item(struct world *world, size_t at)
{
	struct item item = world->item[at];

	shim_fail(1, true);
	if (!give_range(world, item.first, item.last - item.first + 1))
		differs(world, "what was taken could not be given back");
	shim_fail(0, false);
	remove_item(world, at);
}

static void step_give(struct world *world)
{
	size_t at;

	if (pick_used(world, &at))
		give_item(world, at);
}

/* Those that follow each other, so that chunks become empty */
static void step_give_many(struct world *world)
{
	size_t at, count = 1 + pick(world->source, 64);

	if (!pick_used(world, &at))
		return;
	while (count-- && at < world->count) {
		if (world->item[at].kind == ITEM_USED)
			give_item(world, at);
		else
			at++;
	}
}

static bool has_kind(const struct world *world, u64 first, u64 last,
		     enum item_kind kind)
{
	size_t at = item_at(world, first);

	for (; at < world->count && world->item[at].first <= last; at++)
		if (world->item[at].kind == kind)
			return true;
	return false;
}

static bool is_free_or_reserved(const struct world *world, u64 first, u64 last)
{
	return !has_kind(world, first, last, ITEM_USED) &&
	       !has_kind(world, first, last, ITEM_QUARANTINED);
}

/* Give back what may be, but seldom is, exactly what somebody took */
static void give_perhaps(struct world *world, u64 first, u64 last)
{
	size_t at = item_at(world, first);
	const struct item *item = &world->item[at];

	if (at < world->count && item->first == first && item->last == last &&
	    item->kind == ITEM_USED)
		give_item(world, at);
	else if (give_range(world, first, last - first + 1))
		differs(world, "what was not taken was given back");
}

/* Twice, of somebody else, a bit more than was taken, or less */
static void step_give_wrong(struct world *world)
{
	u64 first, last, by = 1 + pick(world->source, 64);
	size_t at;

	if (!pick_used(world, &at)) {
		/* Not there, reserved or quarantined */
		first = pick_granule(world);
		last = first + pick_count(world->source) - 1;
		if (at < world->count && pick(world->source, 2)) {
			first = world->item[at].first;
			last = min(world->item[at].last, first + 2000);
		}
		give_perhaps(world, first, last);
		return;
	}
	first = world->item[at].first;
	last = world->item[at].last;
	switch (pick(world->source, 6)) {
	case 0:
		give_item(world, at);
		break;
	case 1:
		last += by;
		break;
	case 2:
		first -= min(first, by);
		break;
	case 3:
		last += IOMMU_DMA_CHUNK_GRANULES;
		break;
	case 4:
		first += pick(world->source, last - first + 1);
		break;
	default:
		last -= pick(world->source, last - first + 1);
		break;
	}
	give_perhaps(world, first, last);
}

/* Not whole granules, or none */
static void step_give_odd(struct world *world)
{
	struct item item;
	u64 iova, size;
	size_t at;

	if (!pick_used(world, &at))
		return;
	item = world->item[at];
	iova = bytes(world, item.first);
	size = bytes(world, item.last - item.first + 1);
	say(world, "give what cannot be");
	if (iommu_dma_space_free(&world->space, iova, 0) ||
	    iommu_dma_space_free(&world->space, iova, size - 1) ||
	    iommu_dma_space_free(&world->space, iova + 1, size) ||
	    iommu_dma_space_free(&world->space, iova, -size))
		differs(world, "what means nothing was given back");
}

static void add_reserved(struct world *world, u64 first, u64 last)
{
	if (kind_at(world, first) != ITEM_RESERVED ||
	    kind_at(world, last) != ITEM_RESERVED)
		differs(world, "%llx-%llx is not reserved", (ullong)first,
			(ullong)last);
	add_item(world, first, last, ITEM_RESERVED);
}

/* All that was free from @first to @last is reserved now */
static void reserve_gaps(struct world *world, u64 first, u64 last)
{
	while (first <= last) {
		size_t at = item_at(world, first);
		u64 end = last;

		if (at < world->count && world->item[at].first <= first) {
			first = world->item[at].last + 1;
			continue;
		}
		if (at < world->count && world->item[at].first <= last)
			end = world->item[at].first - 1;
		if (first < world->border && end >= world->border)
			end = world->border - 1;
		add_reserved(world, first, end);
		first = end + 1;
	}
}

/* Some of it may be: which is seen only in the space */
static void reserve_some(struct world *world, u64 first, u64 last)
{
	for (; first <= last; first++)
		if (is_free_or_reserved(world, first, first) &&
		    !has_kind(world, first, first, ITEM_RESERVED) &&
		    kind_at(world, first) == ITEM_RESERVED)
			add_item(world, first, first, ITEM_RESERVED);
}

static void reserve_range(struct world *world, u64 first, u64 last)
{
	unsigned long failures = shim_failures();
	size_t granule = world->space.granule;
	bool busy = !is_free_or_reserved(world, first, last);
	u64 low = bytes(world, first), high = bytes(world, last) + granule - 1;
	int ret;

	/* A part of a granule reserves all of it */
	if (first < last) {
		low += pick(world->source, granule);
		high -= pick(world->source, granule);
	}
	ret = iommu_dma_space_reserve(&world->space, low, high);
	say(world, "reserve %llx-%llx: %d", (ullong)first, (ullong)last, ret);

	first = max(first, world->first);
	last = min(last, world->last);
	if (last < first && ret)
		differs(world, "error %d for what is not in the space", ret);
	if (last < first)
		return;
	if (ret == -ENOMEM && shim_failures() == failures)
		differs(world, "out of memory, but there is enough");
	if (ret && ret != -ENOMEM && (ret != -EBUSY || !busy))
		differs(world, "error %d", ret);
	if (!ret && busy)
		differs(world, "what is used was reserved");
	if (ret)
		reserve_some(world, first, last);
	else
		reserve_gaps(world, first, last);
}

static void step_reserve(struct world *world)
{
	struct source *source = world->source;
	u64 first = pick_granule(world);
	u64 last = first + 1 + pick(source, pick(source, 3) ? 64 : 2000);

	if (world->reserved > (world->last - world->first) / 4)
		return;
	if (!pick(source, 8))
		first -= min(first, (u64)64);
	last = min(last, granules(world, U64_MAX));
	if (!pick(source, 4))
		shim_fail(1 + pick(source, 6), pick(source, 2));
	reserve_range(world, first, last);
	shim_fail(0, false);
}

static void step_reserve_much(struct world *world)
{
	u64 first = pick_granule(world);
	u64 last = first + pick(world->source, world->last - first + 1);

	if (world->reserved + (last - first) >
		    (world->last - world->first) / 4 ||
	    !is_free_or_reserved(world, first, last))
		return;
	reserve_range(world, first, last);
}

static void step_quarantine(struct world *world)
{
	struct item item;
	size_t at;

	if (!pick_used(world, &at) ||
	    world->quarantined >
		    (long)bytes(world, (world->last - world->first) / 8))
		return;
	item = world->item[at];
	say(world, "quarantine %llx-%llx", (ullong)item.first,
	    (ullong)item.last);
	remove_item(world, at);
	add_item(world, item.first, item.last, ITEM_QUARANTINED);
	world->quarantined += bytes(world, item.last - item.first + 1);
	iommu_dma_space_quarantine(&world->space, bytes(world, item.first),
				   bytes(world, item.last - item.first + 1));
	if (!iommu_dma_space_quarantined(&world->space,
					 bytes(world, item.first),
					 bytes(world,
					       item.last - item.first + 1)))
		differs(world, "not quarantined");
}

/* What is not taken is not counted */
static void step_quarantine_wrong(struct world *world)
{
	u64 first = pick_granule(world);
	u64 last = first + pick_count(world->source) - 1;

	if (!is_free_or_reserved(world, first, last) || last > world->last)
		return;
	say(world, "quarantine %llx-%llx", (ullong)first, (ullong)last);
	iommu_dma_space_quarantine(&world->space, bytes(world, first),
				   bytes(world, last - first + 1));
	if (iommu_dma_space_quarantined(&world->space, bytes(world, first),
					bytes(world, last - first + 1)))
		differs(world, "quarantined what was not taken");
}

static void step_cpu(struct world *world)
{
	unsigned int cpu = pick(world->source, SHIM_CPUS);

	if (shim_cpu_online(cpu))
		shim_set_cpu(cpu);
}

static void step_hotplug(struct world *world)
{
	unsigned int cpu = pick(world->source, SHIM_CPUS);

	/* CPU 0 stays */
	if (!cpu)
		return;
	say(world, "CPU %u goes %sline", cpu,
	    shim_cpu_online(cpu) ? "off" : "on");
	shim_set_online(cpu, !shim_cpu_online(cpu));
	if (!shim_cpu_online(shim_cpu()))
		shim_set_cpu(0);
}

static void some_step(struct world *world)
{
	switch (pick(world->source, 64)) {
	case 0 ... 19:
		step_take(world);
		break;
	case 20 ... 23:
		step_take_many(world);
		break;
	case 24 ... 27:
		step_take_without_memory(world);
		break;
	case 28:
		step_invalid(world);
		break;
	case 29 ... 42:
		step_give(world);
		break;
	case 43 ... 46:
		step_give_many(world);
		break;
	case 47 ... 50:
		step_give_wrong(world);
		break;
	case 51:
		step_give_odd(world);
		break;
	case 52:
		step_reserve(world);
		break;
	case 53:
		step_reserve_much(world);
		break;
	case 54:
		step_quarantine(world);
		break;
	case 55:
		step_quarantine_wrong(world);
		break;
	case 56:
		step_hotplug(world);
		break;
	default:
		step_cpu(world);
		break;
	}
}

void world_step(struct world *world)
{
	world->step++;
	if (world->count >= world->full)
		step_give_many(world);
	else
		some_step(world);

	/* Looking at much after each step would be most of the time */
	if (world->count < 200 || world->step % 8 == 0)
		world_check(world);
	if (world->step % 64 == 0)
		check_items(world);
}

/* Each allocation of the set-up fails once, and leaves nothing behind */
static void set_up(struct world *world, unsigned int kind)
{
	unsigned long nth = 0, failures;
	int ret;

	do {
		failures = shim_failures();
		memset(&world->space, 0, sizeof(world->space));
		shim_fail(++nth, false);
		ret = iommu_dma_space_init(&world->space, kinds[kind].granule,
					   kinds[kind].first, kinds[kind].last);
		shim_fail(0, false);
		if (ret && (ret != -ENOMEM || shim_live()))
			differs(world, "set-up fails: %d", ret);
	} while (shim_failures() != failures);
	if (ret)
		differs(world, "set-up fails: %d", ret);
}

void world_begin(struct world *world, struct source *source, unsigned int kind)
{
	u64 granule = kinds[kind].granule;
	u64 first = kinds[kind].first;
	u64 last = kinds[kind].last;

	/* That would be DMA_MAPPING_ERROR */
	if (last == ~0ULL)
		last--;
	*world = (struct world){
		.source = source,
		.first = first / granule + (first % granule != 0),
		.last = (last - (granule - 1)) / granule,
		.border = SZ_4G / granule,
		.full = 600,
		.room = 64,
		.verbose = getenv("VERBOSE"),
	};
	if (!world->first)
		world->first = 1;
	world->item = calloc(world->room, sizeof(*world->item));
	shim_page_size = kinds[kind].page;
	shim_set_cpu(0);
	set_up(world, kind);
	world_check(world);
}

void world_end(struct world *world)
{
	size_t at = 0;

	world->step++;
	check_items(world);
	while (at < world->count) {
		if (world->item[at].kind == ITEM_USED)
			give_item(world, at);
		else
			at++;
	}
	world_check(world);

	iommu_dma_space_destroy(&world->space);
	for (unsigned int cpu = 0; cpu < SHIM_CPUS; cpu++)
		shim_set_online(cpu, true);
	free(world->item);
	if (shim_live())
		differs(world, "%ld bytes were left behind", shim_live());
}
