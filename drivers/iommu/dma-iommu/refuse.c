// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings that are refused.
 *
 * Owns what is said of them. A driver gets an error that tells little, if it gets one
 * that is more than "no"; who looks for the reason finds it here: which device, how
 * much, below which limit, and why. Where there was no room, also how large the
 * largest hole outside of chunks was that the device could have used: a limit that is
 * too low, a space that is full and one that is fragmented look the same to a driver.
 *
 * Drivers may ask again and again: the log is written to now and then only. It is not
 * where they have asked for silence with DMA_ATTR_NO_WARN, and where it has been told
 * already, by bounce.c or when the device was set up. All are counted, those of the
 * entry points that fall back on another one excepted: dma_iova_try_alloc().
 *
 * Locks: none of its own; those of the IOVA space are taken inside, one at a time.
 */

#include <kunit/visibility.h>
#include <linux/ratelimit.h>
#include <trace/events/dma_iommu.h>

#include "private.h"

/* How often the log is told */
VISIBLE_IF_KUNIT struct ratelimit_state iommu_dma_refusals =
	RATELIMIT_STATE_INIT(iommu_dma_refusals, 30 * HZ, 5);

static bool has_hole(struct iommu_dma_zone *zone, u64 count, u64 limit)
{
	const struct iommu_dma_want want = {
		.count = count,
		.align = 1,
		.limit = limit,
	};
	struct iommu_dma_place place;
	unsigned long flags;
	bool found;

	xa_lock_irqsave(&zone->chunks, flags);
	found = iommu_dma_regions_find(&zone->regions, &want, &place);
	iommu_dma_zone_unlock(zone, flags);
	return found;
}

/*
 * Drivers are refused in any context: chunks, of which there may be thousands, are not
 * looked into, and a region that is no power of two may count for less.
 */
static u64 hole_below(struct iommu_dma_zone *zone, u64 limit)
{
	u64 fits = 0, beyond = limit + 1;

	if (limit < zone->regions.first)
		return 0;
	while (beyond - fits > 1) {
		u64 count = fits + (beyond - fits) / 2;

		if (has_hole(zone, count, limit))
			fits = count;
		else
			beyond = count;
	}
	return fits;
}

/* In bytes */
static u64 largest_hole(struct iommu_dma_space *space, u64 limit)
{
	u64 granule, hole;

	if (limit < space->granule - 1)
		return 0;
	granule = (limit - (space->granule - 1)) >> space->shift;
	hole = max(hole_below(&space->low, granule),
		   hole_below(&space->high, granule));
	return hole << space->shift;
}

static const char *why(int error)
{
	switch (error) {
	case -ENOMEM:
		return "out of memory";
	case -EREMOTEIO:
		return "no way to the memory, which is another device's";
	case -EOPNOTSUPP:
		return "it is shared with the host, or would have to be coherent";
	case -ENOTRECOVERABLE:
		return "the IOMMU has failed half-way";
	default:
		return "the IOMMU does not take it";
	}
}

static void say(struct device *dev, size_t size, u64 limit, u64 hole, int error)
{
	if (error == -ENOSPC)
		dev_warn(dev, "refused to map %zu bytes below %#llx: no room, the largest hole has %llu\n",
			 size, limit, hole);
	else
		dev_warn(dev, "refused to map %zu bytes below %#llx: %s, %pe\n",
			 size, limit, why(error), ERR_PTR(error));
}

static struct iommu_dma_space *space_of(struct device *dev)
{
	return &iommu_get_dma_domain(dev)->iova_cookie->space;
}

/*
 * bounce.c, or who has set up the device, has said why; or the request can never be, of
 * which a driver that asks for what user space wants need not be accused.
 */
static bool is_news(int error)
{
	return error != -EINVAL && error != -EOVERFLOW && error != -ENODEV;
}

/**
 * iommu_dma_say_refused() - Tell the log that a mapping is being refused
 * @dev: the device
 * @mask: its streaming or its coherent mask
 * @size: bytes that were to be mapped
 * @attrs: DMA attributes: whether the log is to be spared
 * @why: the reason, which the error does not tell. That is -EINVAL, of which
 *	 iommu_dma_refused() says nothing
 *
 * Context: Any context.
 */
void iommu_dma_say_refused(struct device *dev, u64 mask, size_t size,
			   unsigned long attrs, const char *why)
{
	if (attrs & DMA_ATTR_NO_WARN || !__ratelimit(&iommu_dma_refusals))
		return;
	dev_warn(dev, "refused to map %zu bytes below %#llx: %s\n", size,
		 (u64)iommu_dma_device_request(dev, mask).limit, why);
}

/**
 * iommu_dma_refused() - A mapping was refused
 * @error: negative errno; -ENODEV if the device was refused when it was set up. Comes
 *	   first, where the callers have it: so the way that succeeds takes no longer
 * @dev: the device
 * @mask: its streaming or its coherent mask
 * @size: bytes that were to be mapped
 * @attrs: DMA attributes: whether the log is to be spared
 *
 * Takes 52 times those of iommu_dma_regions_find() if there was no room, and the log or
 * who traces is told so.
 *
 * Context: Any context. Takes the locks of the IOVA space.
 */
void iommu_dma_refused(int error, struct device *dev, u64 mask, size_t size,
		       unsigned long attrs)
{
	u64 limit = iommu_dma_device_request(dev, mask).limit, hole = 0;
	bool log = is_news(error) && !(attrs & DMA_ATTR_NO_WARN) &&
		   __ratelimit(&iommu_dma_refusals);

	iommu_dma_stats_refused(dev, error);
	if (!log && !trace_dma_iommu_refused_enabled())
		return;
	if (error == -ENOSPC)
		hole = largest_hole(space_of(dev), limit);
	trace_dma_iommu_refused(dev, size, limit, hole, error);
	if (log)
		say(dev, size, limit, hole, error);
}
