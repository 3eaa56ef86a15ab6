/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Surveys: what a zone of IOVA space consists of, for who looks at it from outside.
 *
 * All numbers are granules; "last" is inclusive. survey.c says how.
 */
#ifndef __DMA_IOMMU_SURVEY_H
#define __DMA_IOMMU_SURVEY_H

#include "zone.h"

/* Sizes of mappings: of 1 granule, of 2, of up to 4 ...; the last one is for the rest */
#define IOMMU_DMA_SURVEY_SIZES 12

/* Into how many parts a zone is divided for a picture of it */
#define IOMMU_DMA_PICTURE_PARTS 64U

/**
 * struct iommu_dma_survey - What a zone consists of
 * @mappings: what was taken together
 * @size: how many of these there are, by size
 * @used: granules of these
 * @free: granules that can be taken
 * @room: those of @free that are in chunks
 * @largest: most granules that are free side by side
 * @reserved: granules that were reserved
 * @quarantined: granules that are quarantined
 * @ranges: how many ranges these are in
 * @chunks: how many chunks there are
 * @regions: how many regions there are, chunks among them
 * @lowest: the lowest granule that is used; the zone's last one if none is
 * @highest: the highest; the zone's first one if none is
 */
struct iommu_dma_survey {
	u64 mappings;
	u64 size[IOMMU_DMA_SURVEY_SIZES];
	u64 used;
	u64 free;
	u64 room;
	u64 largest;
	u64 reserved;
	u64 quarantined;
	u64 ranges;
	u64 chunks;
	u64 regions;
	u64 lowest;
	u64 highest;
};

void iommu_dma_zone_survey(struct iommu_dma_zone *zone,
			   struct iommu_dma_survey *survey);
u64 iommu_dma_zone_picture(struct iommu_dma_zone *zone, u64 first, u64 last,
			   u64 part[IOMMU_DMA_PICTURE_PARTS]);

#endif /* __DMA_IOMMU_SURVEY_H */
