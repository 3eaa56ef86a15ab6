/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_DMA_MAPPING_H
#define __SHIM_DMA_MAPPING_H

#include <linux/align.h>
#include <linux/errno.h>
#include <linux/kernel.h>

#define DMA_MAPPING_ERROR (~(dma_addr_t)0)

#endif /* __SHIM_DMA_MAPPING_H */
