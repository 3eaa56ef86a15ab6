// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two-step mapping API: take IOVA first, link memory to it later.
 *
 * Not there yet: dma_iova_try_alloc() says no, which sends every caller to
 * dma_map_phys() as its documentation demands. The other calls are then never
 * made; they answer with an error, so that a caller who makes them all the same
 * is told. Two drivers take the no for an error and fail to probe: the media
 * drivers venus and iris, which use the call to set an IOVA range aside.
 */

#include <linux/dma-mapping.h>
#include <linux/export.h>

/**
 * dma_iova_try_alloc() - Try to take a range of IOVA
 * @dev: the device
 * @state: cleared
 * @phys: physical address whose offset the range is to have
 * @size: bytes
 *
 * Context: Any context.
 * Return: false; the caller maps with dma_map_phys() instead.
 */
bool dma_iova_try_alloc(struct device *dev, struct dma_iova_state *state,
			phys_addr_t phys, size_t size)
{
	*state = (struct dma_iova_state){};
	return false;
}
EXPORT_SYMBOL_GPL(dma_iova_try_alloc);

/**
 * dma_iova_free() - Give back a range that nothing is linked to
 * @dev: the device
 * @state: never of use, since none was handed out
 *
 * Context: Any context.
 */
void dma_iova_free(struct device *dev, struct dma_iova_state *state)
{
	dev_WARN_ONCE(dev, dma_use_iova(state), "foreign IOVA state\n");
}
EXPORT_SYMBOL_GPL(dma_iova_free);

/**
 * dma_iova_link() - Link memory to a range
 * @dev: the device
 * @state: never of use, since none was handed out
 * @phys: physical address
 * @offset: bytes from the start of the range
 * @size: bytes
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * Context: Any context.
 * Return: -EOPNOTSUPP. A retry does not help.
 */
int dma_iova_link(struct device *dev, struct dma_iova_state *state,
		  phys_addr_t phys, size_t offset, size_t size,
		  enum dma_data_direction dir, unsigned long attrs)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(dma_iova_link);

/**
 * dma_iova_sync() - Make links visible to the device
 * @dev: the device
 * @state: never of use, since none was handed out
 * @offset: bytes from the start of the range
 * @size: bytes
 *
 * Context: Any context.
 * Return: -EOPNOTSUPP. A retry does not help.
 */
int dma_iova_sync(struct device *dev, struct dma_iova_state *state,
		  size_t offset, size_t size)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(dma_iova_sync);

/**
 * dma_iova_unlink() - Unlink a part of a range
 * @dev: the device
 * @state: never of use, since none was handed out
 * @offset: bytes from the start of the range
 * @size: bytes
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * Context: Any context.
 */
void dma_iova_unlink(struct device *dev, struct dma_iova_state *state,
		     size_t offset, size_t size, enum dma_data_direction dir,
		     unsigned long attrs)
{
	dev_WARN_ONCE(dev, dma_use_iova(state), "foreign IOVA state\n");
}
EXPORT_SYMBOL_GPL(dma_iova_unlink);

/**
 * dma_iova_destroy() - Unlink all that is linked and give the range back
 * @dev: the device
 * @state: never of use, since none was handed out
 * @mapped_len: bytes that are linked
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * Context: Any context.
 */
void dma_iova_destroy(struct device *dev, struct dma_iova_state *state,
		      size_t mapped_len, enum dma_data_direction dir,
		      unsigned long attrs)
{
	dev_WARN_ONCE(dev, dma_use_iova(state), "foreign IOVA state\n");
}
EXPORT_SYMBOL_GPL(dma_iova_destroy);
