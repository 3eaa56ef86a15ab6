// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reserved regions and windows.
 *
 * Owns what a device's surroundings forbid: IOVAs that its bridge, its bus or
 * firmware keep for something else. Every device of a group is asked, since what
 * one of them cannot use, none may be given: they share the domain.
 *
 * Locks: called under the mutex of the IOMMU group. May sleep.
 */

#include <kunit/visibility.h>
#include <linux/acpi_iort.h>
#include <linux/dma-direct.h>
#include <linux/of_iommu.h>
#include <linux/pci.h>

#include "../dma-iommu.h"
#include "private.h"

/**
 * iommu_dma_get_resv_regions() - Add the regions that firmware reserves
 * @dev: the device
 * @list: list of struct iommu_resv_region to add to
 *
 * For the .get_resv_regions op of IOMMU drivers: what IORT and the device tree
 * say, whatever the IOMMU.
 *
 * Context: Process context, may sleep.
 */
void iommu_dma_get_resv_regions(struct device *dev, struct list_head *list)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);

	if (!is_of_node(fwspec->iommu_fwnode))
		iort_iommu_get_resv_regions(dev, list);
	if (dev->of_node)
		of_iommu_get_resv_regions(dev, list);
}
EXPORT_SYMBOL(iommu_dma_get_resv_regions);

/*
 * DMA windows are what a device can reach; all else is reserved. A window source
 * is asked for the lowest window that ends at or after @at: it returns false if
 * there is none, so that no order is needed and windows may overlap.
 */
typedef bool (*next_window_fn)(struct device *dev, dma_addr_t at,
			       dma_addr_t *first, dma_addr_t *last);

static void pick_lower(dma_addr_t at, dma_addr_t new_first, dma_addr_t new_last,
		       dma_addr_t *first, dma_addr_t *last, bool *found)
{
	if (new_last < new_first || new_last < at)
		return;
	if (*found && new_first >= *first)
		return;

	*first = new_first;
	*last = new_last;
	*found = true;
}

static bool next_bridge_window(struct device *dev, dma_addr_t at,
			       dma_addr_t *first, dma_addr_t *last)
{
	struct pci_host_bridge *bridge;
	struct resource_entry *entry;
	bool found = false;

	bridge = pci_find_host_bridge(to_pci_dev(dev)->bus);
	resource_list_for_each_entry(entry, &bridge->dma_ranges)
		pick_lower(at, entry->res->start - entry->offset,
			   entry->res->end - entry->offset, first, last,
			   &found);
	return found;
}

static bool next_range_map_window(struct device *dev, dma_addr_t at,
				  dma_addr_t *first, dma_addr_t *last)
{
	const struct bus_dma_region *map = dev->dma_range_map;
	bool found = false;

	for (; map->size; map++)
		pick_lower(at, map->dma_start, map->dma_start + map->size - 1,
			   first, last, &found);
	return found;
}

static int reserve(struct iommu_dma_cookie *cookie, dma_addr_t first,
		   dma_addr_t last)
{
	int ret = iommu_dma_space_reserve(&cookie->space, first, last);

	/* What only waits to be invalidated is nobody's */
	if (ret == -EBUSY && cookie->lazy.made) {
		iommu_dma_flush_drain(cookie->lazy.made);
		ret = iommu_dma_space_reserve(&cookie->space, first, last);
	}
	return ret;
}

/* Reserve what no window covers */
static int reserve_outside(struct iommu_dma_cookie *cookie, struct device *dev,
			   next_window_fn next_window)
{
	dma_addr_t at = 0, first, last;
	int ret;

	/* Windows were given, and none is one */
	if (!next_window(dev, 0, &first, &last))
		return -EINVAL;

	do {
		if (first > at) {
			ret = reserve(cookie, at, first - 1);
			if (ret)
				return ret;
		}
		if (last == ~(dma_addr_t)0)
			return 0;
		at = last + 1;
	} while (next_window(dev, at, &first, &last));

	return reserve(cookie, at, ~(dma_addr_t)0);
}

static int reserve_bridge(struct iommu_dma_cookie *cookie, struct pci_dev *pdev)
{
	struct pci_host_bridge *bridge = pci_find_host_bridge(pdev->bus);
	struct resource_entry *entry;
	int ret;

	/* A read or write of these addresses may never leave the PCI bus */
	resource_list_for_each_entry(entry, &bridge->windows) {
		if (resource_type(entry->res) != IORESOURCE_MEM ||
		    !resource_size(entry->res))
			continue;

		ret = reserve(cookie, entry->res->start - entry->offset,
			      entry->res->end - entry->offset);
		if (ret)
			return ret;
	}

	if (list_empty(&bridge->dma_ranges))
		return 0;
	return reserve_outside(cookie, &pdev->dev, next_bridge_window);
}

static int reserve_region(struct iommu_dma_cookie *cookie,
			  const struct iommu_resv_region *region)
{
	phys_addr_t last;
	int ret;

	/* This layer is the software that manages these. Firmware may err. */
	if (region->type == IOMMU_RESV_SW_MSI || !region->length)
		return 0;

	last = region->start + region->length - 1;
	if (last < region->start)
		last = ~(phys_addr_t)0;

	ret = reserve(cookie, region->start, last);
	if (ret || region->type != IOMMU_RESV_MSI)
		return ret;

	return iommu_dma_msi_add_hw_region(&cookie->msi, region->start,
					   region->length);
}

/**
 * iommu_dma_resv_reserve() - Reserve what a device cannot use
 * @domain: the domain, whose IOVA space is set up
 * @dev: a device that joins it
 *
 * Context: Process context, under the group's mutex. May sleep.
 * Return:
 * * %0		- it is done.
 * * %-EBUSY	- a region is in use by another device of the group.
 * * %-EINVAL	- firmware gave windows for DMA, and all of them are empty.
 * * %-ENOMEM	- out of memory.
 */
int iommu_dma_resv_reserve(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_dma_cookie *cookie = domain->iova_cookie;
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int ret;

	if (dev->dma_range_map) {
		ret = reserve_outside(cookie, dev, next_range_map_window);
		if (ret)
			return ret;
	}

	if (dev_is_pci(dev)) {
		ret = reserve_bridge(cookie, to_pci_dev(dev));
		if (ret)
			return ret;
	}

	iommu_get_resv_regions(dev, &regions);
	list_for_each_entry(region, &regions, list) {
		ret = reserve_region(cookie, region);
		if (ret)
			break;
	}
	iommu_put_resv_regions(dev, &regions);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_resv_reserve);
