/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the DMA mapping layer for devices behind an IOMMU does beside mapping and
 * unmapping, which the events of dma.h and iommu.h tell of: what is slow, what is
 * refused, and what goes wrong.
 *
 * Names and fields are meant to stay. The group is that of /sys/kernel/iommu_groups/;
 * sizes are bytes. None of them is on the way of a mapping that finds room at once, is
 * mapped in place, and is invalidated when it is unmapped.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dma_iommu

#if !defined(_TRACE_DMA_IOMMU_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_DMA_IOMMU_H

#include <linux/device.h>
#include <linux/tracepoint.h>

/* A CPU is given a new chunk of 512 granules, for mappings of up to so many granules */
TRACE_EVENT(dma_iommu_refill,
	    TP_PROTO(int group, u64 granule, unsigned int up_to),

	    TP_ARGS(group, granule, up_to),

	    TP_STRUCT__entry(__field(int, group)
			     __field(u64, granule)
			     __field(unsigned int, up_to)),

	    TP_fast_assign(__entry->group = group;
			   __entry->granule = granule;
			   __entry->up_to = up_to;),

	    TP_printk("group=%d granule=%#llx up_to=%u",
		      __entry->group, __entry->granule, __entry->up_to)
);

/* There is no room at once: all of the space is searched */
TRACE_EVENT(dma_iommu_search,
	    TP_PROTO(int group, size_t size, size_t align, u64 limit),

	    TP_ARGS(group, size, align, limit),

	    TP_STRUCT__entry(__field(int, group)
			     __field(size_t, size)
			     __field(size_t, align)
			     __field(u64, limit)),

	    TP_fast_assign(__entry->group = group;
			   __entry->size = size;
			   __entry->align = align;
			   __entry->limit = limit;),

	    TP_printk("group=%d size=%zu align=%zu limit=%#llx",
		      __entry->group, __entry->size, __entry->align,
		      __entry->limit)
);

/* A mapping is refused. The largest hole below the limit is 0 unless there was no room */
TRACE_EVENT(dma_iommu_refused,
	    TP_PROTO(struct device *dev, size_t size, u64 limit,
		     u64 hole, int error),

	    TP_ARGS(dev, size, limit, hole, error),

	    TP_STRUCT__entry(__string(device, dev_name(dev))
			     __field(size_t, size)
			     __field(u64, limit)
			     __field(u64, hole)
			     __field(int, error)),

	    TP_fast_assign(__assign_str(device);
			   __entry->size = size;
			   __entry->limit = limit;
			   __entry->hole = hole;
			   __entry->error = error;),

	    TP_printk("device=%s size=%zu limit=%#llx hole=%llu error=%d",
		      __get_str(device), __entry->size, __entry->limit,
		      __entry->hole, __entry->error)
);

/* A lazy domain begins to be invalidated, for so many ranges that wait */
TRACE_EVENT(dma_iommu_flush_begin,
	    TP_PROTO(int group, u32 number, unsigned int waiting),

	    TP_ARGS(group, number, waiting),

	    TP_STRUCT__entry(__field(int, group)
			     __field(u32, number)
			     __field(unsigned int, waiting)),

	    TP_fast_assign(__entry->group = group;
			   __entry->number = number;
			   __entry->waiting = waiting;),

	    TP_printk("group=%d number=%u waiting=%u",
		      __entry->group, __entry->number, __entry->waiting)
);

/* The invalidation with that number has ended */
TRACE_EVENT(dma_iommu_flush_end,
	    TP_PROTO(int group, u32 number),

	    TP_ARGS(group, number),

	    TP_STRUCT__entry(__field(int, group)
			     __field(u32, number)),

	    TP_fast_assign(__entry->group = group;
			   __entry->number = number;),

	    TP_printk("group=%d number=%u",
		      __entry->group, __entry->number)
);

/* So much of a buffer, all in one granule, goes through swiotlb, and why */
TRACE_EVENT(dma_iommu_bounce,
	    TP_PROTO(struct device *dev, size_t size, bool untrusted),

	    TP_ARGS(dev, size, untrusted),

	    TP_STRUCT__entry(__string(device, dev_name(dev))
			     __field(size_t, size)
			     __field(bool, untrusted)),

	    TP_fast_assign(__assign_str(device);
			   __entry->size = size;
			   __entry->untrusted = untrusted;),

	    TP_printk("device=%s size=%zu reason=%s",
		      __get_str(device), __entry->size,
		      __entry->untrusted ? "untrusted" : "cache")
);

/* A range is never handed out again: a device may reach what was mapped there */
TRACE_EVENT(dma_iommu_quarantine,
	    TP_PROTO(int group, u64 iova, size_t size),

	    TP_ARGS(group, iova, size),

	    TP_STRUCT__entry(__field(int, group)
			     __field(u64, iova)
			     __field(size_t, size)),

	    TP_fast_assign(__entry->group = group;
			   __entry->iova = iova;
			   __entry->size = size;),

	    TP_printk("group=%d iova=%#llx size=%zu",
		      __entry->group, __entry->iova, __entry->size)
);

#endif /* _TRACE_DMA_IOMMU_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
