// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mock IOMMU: memory as its devices see it, and the slots of swiotlb that stand in
 * for some of it.
 *
 * A device reads whatever it reaches: real IOMMUs have mappings that are for
 * writing only, and let a device read there. What was cleared and not invalidated
 * it reaches as well.
 */

#include <linux/io.h>
#include <linux/kmsan-checks.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/swiotlb.h>

#include "../private.h"
#include "mock.h"

/* The memory behind an IOVA; NULL if the device does not reach any */
static void *reach(struct device *dev, dma_addr_t iova, int prot)
{
	phys_addr_t phys;
	int has;

	if (!mock_reach(iommu_get_domain_for_dev(dev), iova, &phys, &has) ||
	    (prot & has) != prot || !pfn_valid(PHYS_PFN(phys)))
		return NULL;
	return phys_to_virt(phys);
}

/* Bytes of @size from @iova on that are in one granule */
static size_t in_granule(struct device *dev, dma_addr_t iova, size_t size)
{
	size_t granule = iommu_get_domain_for_dev(dev)->pgsize_bitmap;

	granule &= -granule;
	return min(size, granule - (iova & (granule - 1)));
}

/**
 * mock_read() - Let a device read
 * @dev: the device
 * @iova: from where
 * @to: where to put what it reads
 * @size: bytes
 *
 * Context: Any context.
 * Return: false if it does not reach all of that.
 */
bool mock_read(struct device *dev, dma_addr_t iova, void *to, size_t size)
{
	size_t len;

	for (; size; iova += len, to += len, size -= len) {
		void *memory = reach(dev, iova, 0);

		len = in_granule(dev, iova, size);
		if (!memory)
			return false;
		memcpy(to, memory, len);
	}
	return true;
}

/**
 * mock_write() - Let a device write
 * @dev: the device
 * @iova: to where
 * @from: what to write
 * @size: bytes
 *
 * Context: Any context.
 * Return: false if it must not write to all of that; it has then written to a part.
 */
bool mock_write(struct device *dev, dma_addr_t iova, const void *from,
		size_t size)
{
	size_t len;

	for (; size; iova += len, from += len, size -= len) {
		void *memory = reach(dev, iova, IOMMU_WRITE);

		len = in_granule(dev, iova, size);
		if (!memory)
			return false;
		memcpy(memory, from, len);
	}
	return true;
}

/**
 * mock_fill() - Let a device write one value
 * @dev: the device
 * @iova: to where
 * @byte: the value
 * @size: bytes
 *
 * Context: Any context.
 * Return: as mock_write().
 */
bool mock_fill(struct device *dev, dma_addr_t iova, u8 byte, size_t size)
{
	size_t len;

	for (; size; iova += len, size -= len) {
		void *memory = reach(dev, iova, IOMMU_WRITE);

		len = in_granule(dev, iova, size);
		if (!memory)
			return false;
		memset(memory, byte, len);
	}
	return true;
}

#ifdef CONFIG_SWIOTLB
static bool has_slots(struct device *dev)
{
	return dev->dma_io_tlb_mem && dev->dma_io_tlb_mem->nslabs;
}

/* What swiotlb.c keeps to itself. Tests that count would fail if it changed. */
struct io_tlb_area {
	unsigned long used;
	unsigned int index;
	spinlock_t lock; /* protects the others */
};

struct io_tlb_slot {
	phys_addr_t orig_addr;
	size_t alloc_size;
	unsigned short list;
	unsigned short pad_slots;
};

static unsigned long used_of(struct io_tlb_pool *pool)
{
	unsigned long used = 0;

	for (unsigned int i = 0; i < pool->nareas; i++)
		used += READ_ONCE(pool->areas[i].used);
	return used;
}

static void poison(struct io_tlb_pool *pool, u8 byte)
{
	size_t size = pool->end - pool->start;

	memset(pool->vaddr, byte, size);
	kmsan_poison_memory(pool->vaddr, size, GFP_ATOMIC);
}

static bool is_in(struct io_tlb_pool *pool, phys_addr_t phys)
{
	return phys >= pool->start && phys < pool->end;
}

/* Nobody adds a pool meanwhile, and a test may have taken them all away */
static struct io_tlb_pool *first_pool(struct device *dev)
{
	struct io_tlb_mem *mem = dev->dma_io_tlb_mem;

	if (!mem)
		return NULL;
#ifdef CONFIG_SWIOTLB_DYNAMIC
	return list_first_entry_or_null(&mem->pools, struct io_tlb_pool, node);
#else
	return &mem->defpool;
#endif
}

static struct io_tlb_pool *next_pool(struct device *dev,
				     struct io_tlb_pool *pool)
{
#ifdef CONFIG_SWIOTLB_DYNAMIC
	if (!list_is_last(&pool->node, &dev->dma_io_tlb_mem->pools))
		return list_next_entry(pool, node);
#endif
	return NULL;
}

static struct io_tlb_pool *find_pool(struct device *dev, phys_addr_t phys)
{
	struct io_tlb_pool *pool;

	for (pool = first_pool(dev); pool; pool = next_pool(dev, pool))
		if (is_in(pool, phys))
			return pool;
#ifdef CONFIG_SWIOTLB_DYNAMIC
	/* Made for one mapping, as there was no slot */
	guard(rcu)();
	list_for_each_entry_rcu(pool, &dev->dma_io_tlb_pools, node)
		if (is_in(pool, phys))
			return pool;
#endif
	return NULL;
}

/**
 * mock_is_slot() - Is memory a slot, taken or not?
 * @dev: a device that may bounce
 * @phys: an address in it
 *
 * Context: Any context.
 * Return: true if swiotlb has it.
 */
bool mock_is_slot(struct device *dev, phys_addr_t phys)
{
	return find_pool(dev, phys);
}

/**
 * mock_in_slot() - Is it a slot that a device has at an IOVA?
 * @dev: the device
 * @iova: what to look up
 *
 * Context: Any context.
 * Return: true if a slot is mapped there, or stale.
 */
bool mock_in_slot(struct device *dev, dma_addr_t iova)
{
	phys_addr_t phys;
	int prot;

	return mock_reach(iommu_get_domain_for_dev(dev), iova, &phys, &prot) &&
	       find_pool(dev, phys);
}

/**
 * mock_slot_taken() - Is a slot somebody's?
 * @dev: a device that may bounce
 * @phys: an address in it
 *
 * Context: Any context, when nobody else bounces.
 * Return: true if it is.
 */
bool mock_slot_taken(struct device *dev, phys_addr_t phys)
{
	struct io_tlb_pool *pool = find_pool(dev, phys);
	size_t slot;

	if (!pool)
		return false;
	slot = (phys - pool->start) / IO_TLB_SIZE;
	return pool->slots[slot].orig_addr != ~(phys_addr_t)0;
}

/**
 * mock_slots_used() - How many slots are taken, by whichever device?
 * @dev: a device that may bounce
 *
 * Context: Any context.
 * Return: slots of swiotlb, of IO_TLB_SIZE bytes each.
 */
unsigned long mock_slots_used(struct device *dev)
{
	struct io_tlb_pool *pool;
	unsigned long used = 0;

	for (pool = first_pool(dev); pool; pool = next_pool(dev, pool))
		used += used_of(pool);
	return used;
}

/**
 * mock_slots_grow() - Say whether swiotlb may make more slots when all are taken
 * @dev: a device that may bounce
 * @grow: whether
 *
 * Context: Process context, may sleep.
 * Return: whether it does so from now on, which not every kernel can.
 */
bool mock_slots_grow(struct device *dev, bool grow)
{
#ifdef CONFIG_SWIOTLB_DYNAMIC
	dev->dma_io_tlb_mem->can_grow = grow;
	if (!grow)
		flush_work(&dev->dma_io_tlb_mem->dyn_alloc);
	return grow;
#else
	return false;
#endif
}

/**
 * mock_poison_slots() - Fill all slots with what no device may see
 * @dev: a device that may bounce
 * @byte: with what
 *
 * KMSAN is told that nobody has written there: it reports who looks at a byte that
 * was not set again since, whatever that byte is.
 *
 * Context: Any context, when nobody bounces.
 * Return: true; false if a slot is taken.
 */
bool mock_poison_slots(struct device *dev, u8 byte)
{
	struct io_tlb_pool *pool;

	if (mock_slots_used(dev))
		return false;
	for (pool = first_pool(dev); pool; pool = next_pool(dev, pool))
		poison(pool, byte);
	return true;
}
#else /* CONFIG_SWIOTLB */
static bool has_slots(struct device *dev)
{
	return false;
}

bool mock_is_slot(struct device *dev, phys_addr_t phys)
{
	return false;
}

bool mock_in_slot(struct device *dev, dma_addr_t iova)
{
	return false;
}

bool mock_slot_taken(struct device *dev, phys_addr_t phys)
{
	return false;
}

unsigned long mock_slots_used(struct device *dev)
{
	return 0;
}

bool mock_slots_grow(struct device *dev, bool grow)
{
	return false;
}

bool mock_poison_slots(struct device *dev, u8 byte)
{
	return true;
}
#endif /* CONFIG_SWIOTLB */

/**
 * mock_count_slots() - Expect that at the end no more slots are taken than now
 * @dev: a device of the mock that stays to the end of the test
 *
 * The test is skipped if there is no memory to bounce to.
 *
 * Context: Process context of the test.
 */
void mock_count_slots(struct device *dev)
{
	struct mock *mock = mock_of(dev);

	if (!has_slots(dev))
		kunit_skip(mock->test, "there is no swiotlb");
	if (mock->bouncer)
		return;
	mock->bouncer = dev;
	mock->slots = mock_slots_used(dev);
}

/**
 * mock_set_pattern() - Fill memory with values of which none is 0
 * @memory: the memory
 * @expected: a copy of it
 * @size: bytes of each
 * @seed: which values
 *
 * Context: Any context.
 */
void mock_set_pattern(u8 *memory, u8 *expected, size_t size, u8 seed)
{
	for (size_t i = 0; i < size; i++)
		memory[i] = 1 + (i * 7 + (i >> 8) + seed) % 255;
	memcpy(expected, memory, size);
}

/**
 * mock_untrusted_like() - Make an untrusted device behind the mock IOMMU
 * @mock: the mock
 * @traits: what it is like
 *
 * As mock_device_like(). Slots are counted from now on.
 *
 * Context: Process context of the test, may sleep.
 * Return: the device.
 */
struct device *mock_untrusted_like(struct mock *mock,
				   const struct mock_traits *traits)
{
	struct device *dev = mock_device_like(mock, traits);

	dev->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	mock_count_slots(dev);
	return dev;
}

static void *get_bytes(struct kunit *test, size_t size)
{
	void *bytes = kunit_kzalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	return bytes;
}

/**
 * mock_shadow() - Prepare for a buffer to be followed
 * @test: the test, which it goes away with
 * @dev: the device, which is untrusted unless mock_shadow::bounced is changed
 * @largest: most bytes of a buffer
 *
 * Context: Process context of the test, may sleep.
 * Return: what is used for one buffer after the other.
 */
struct mock_shadow *mock_shadow(struct kunit *test, struct device *dev,
				size_t largest)
{
	struct mock_shadow *shadow = get_bytes(test, sizeof(*shadow));

	shadow->dev = dev;
	shadow->bounced = true;
	shadow->cpu = get_bytes(test, largest);
	shadow->device = get_bytes(test, largest);
	shadow->seen = get_bytes(test, largest);
	return shadow;
}

/**
 * mock_shadow_begin() - Follow a buffer that was just mapped
 * @shadow: from mock_shadow()
 * @iova: the device's address
 * @memory: the CPU's
 * @size: bytes
 *
 * Context: Any context.
 */
void mock_shadow_begin(struct mock_shadow *shadow, dma_addr_t iova,
		       void *memory, size_t size)
{
	shadow->iova = iova;
	shadow->memory = memory;
	shadow->size = size;
	memcpy(shadow->cpu, memory, size);
	memcpy(shadow->device, memory, size);
}

/* Have the CPU and the device each its own copy of a byte? */
static bool is_apart(struct mock_shadow *shadow, size_t at)
{
	size_t granule = in_granule(shadow->dev, 0, SIZE_MAX);
	dma_addr_t start = ALIGN_DOWN(shadow->iova + at, granule);

	return shadow->bounced &&
	       (start < shadow->iova ||
		start + granule > shadow->iova + shadow->size);
}

/**
 * mock_shadow_write() - Let the device write one value
 * @shadow: of the buffer
 * @at: where to, from the start of the buffer
 * @size: bytes
 * @byte: the value
 *
 * Context: Any context.
 * Return: false if it must not.
 */
bool mock_shadow_write(struct mock_shadow *shadow, size_t at, size_t size,
		       u8 byte)
{
	for (size_t i = at; i < at + size; i++) {
		shadow->device[i] = byte;
		if (!is_apart(shadow, i))
			shadow->cpu[i] = byte;
	}
	return mock_fill(shadow->dev, shadow->iova + at, byte, size);
}

/**
 * mock_shadow_cpu_write() - Write one value
 * @shadow: of the buffer
 * @at: where to, from the start of the buffer
 * @size: bytes
 * @byte: the value
 *
 * Context: Any context.
 */
void mock_shadow_cpu_write(struct mock_shadow *shadow, size_t at, size_t size,
			   u8 byte)
{
	for (size_t i = at; i < at + size; i++) {
		shadow->cpu[i] = byte;
		if (!is_apart(shadow, i))
			shadow->device[i] = byte;
	}
	memset(shadow->memory + at, byte, size);
}

/**
 * mock_shadow_for_cpu() - Know that a part was handed to the CPU
 * @shadow: of the buffer
 * @at: which part, from the start of the buffer
 * @size: bytes
 * @dir: direction of the mapping
 *
 * Context: Any context.
 */
void mock_shadow_for_cpu(struct mock_shadow *shadow, size_t at, size_t size,
			 enum dma_data_direction dir)
{
	if (dir != DMA_TO_DEVICE)
		memcpy(shadow->cpu + at, shadow->device + at, size);
}

/**
 * mock_shadow_for_device() - Know that a part was handed to the device
 * @shadow: of the buffer
 * @at: which part, from the start of the buffer
 * @size: bytes
 * @dir: direction of the mapping
 *
 * Context: Any context.
 */
void mock_shadow_for_device(struct mock_shadow *shadow, size_t at, size_t size,
			    enum dma_data_direction dir)
{
	if (dir != DMA_FROM_DEVICE)
		memcpy(shadow->device + at, shadow->cpu + at, size);
}

/**
 * mock_shadow_holds() - Do CPU and device find what they should?
 * @shadow: of a buffer that is mapped
 *
 * Context: Any context.
 * Return: true if they do.
 */
bool mock_shadow_holds(struct mock_shadow *shadow)
{
	return mock_read(shadow->dev, shadow->iova, shadow->seen,
			 shadow->size) &&
	       !memcmp(shadow->seen, shadow->device, shadow->size) &&
	       !memcmp(shadow->memory, shadow->cpu, shadow->size);
}

/* As many as there may be in the pools that growing leaves behind */
#define HOG_MAX SZ_128K

/**
 * mock_hog_slots() - Take all slots of swiotlb, which makes no more of them meanwhile
 * @mock: the mock, of which a device is made that others may be made after
 *
 * Context: Process context of the test, may sleep.
 * Return: who has them.
 */
struct mock_hog *mock_hog_slots(struct mock *mock)
{
	struct mock_hog *hog = get_bytes(mock->test, sizeof(*hog));
	dma_addr_t last = mock->last, iova;

	mock->last = SZ_1G - 1;
	hog->dev = mock_untrusted(mock);
	mock->last = last;
	hog->memory = mock_buffer(mock->test, PAGE_SIZE);
	hog->iovas = get_bytes(mock->test, HOG_MAX * sizeof(iova));

	mock_slots_grow(hog->dev, false);
	for (hog->nr = 0; hog->nr < HOG_MAX; hog->nr++) {
		iova = dma_map_single_attrs(hog->dev, hog->memory, 1,
					    DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		if (dma_mapping_error(hog->dev, iova))
			break;
		hog->iovas[hog->nr] = iova;
	}
	KUNIT_ASSERT_LT(mock->test, hog->nr, HOG_MAX);
	return hog;
}

/**
 * mock_hog_release() - Give slots back
 * @hog: who has them; all must be back before the test ends
 * @nr: slots for how many granules; UINT_MAX for all
 *
 * Context: Process context of the test.
 */
void mock_hog_release(struct mock_hog *hog, unsigned int nr)
{
	while (nr-- && hog->nr)
		dma_unmap_single_attrs(hog->dev, hog->iovas[--hog->nr], 1,
				       DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	if (!hog->nr)
		mock_slots_grow(hog->dev, true);
}
