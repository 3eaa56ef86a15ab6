// SPDX-License-Identifier: GPL-2.0-only
/// Find memory that is allocated on the DMA mapping layer's way out. Whoever
/// unmaps has nobody to tell that it failed, and may do so to get memory back.
///
//# Only the functions that others call are known, by their names; those that
//# they call are not followed.
///
// Confidence: High
// Options: --no-includes --include-headers
// Keywords: iommu_dma_retire_finish, iommu_dma_unmap_phys, dma_iova_destroy

virtual org
virtual report

@way_out@
identifier out =~ "^iommu_dma_(unmap|free|retire)_|^iommu_dma_free$|^iommu_dma_(space|zone|region|chunk|owner)_(free|give|quarantine)|^iommu_dma_bounce_(give|drop)$|^iommu_dma_flush_(queue|drain|now)$|^dma_iova_(free|unlink|destroy)$";
identifier alloc =~ "^(k|kv|v)([mzc]|re)?alloc|^kmemdup|_alloc(_|$)|(^|_)alloc_page|^__?get_free_page";
position p;
@@

out(...)
{
	<+...
	alloc@p(...)
	...+>
}

@gfp@
identifier out =~ "^iommu_dma_(unmap|free|retire)_|^iommu_dma_free$|^iommu_dma_(space|zone|region|chunk|owner)_(free|give|quarantine)|^iommu_dma_bounce_(give|drop)$|^iommu_dma_flush_(queue|drain|now)$|^dma_iova_(free|unlink|destroy)$";
identifier alloc;
position p != way_out.p;
@@

out(...)
{
	<+...
	alloc@p(..., <+... \(GFP_KERNEL\|GFP_ATOMIC\|GFP_NOWAIT\) ...+>, ...)
	...+>
}

@script:python depends on report@
p << way_out.p;
out << way_out.out;
@@

coccilib.report.print_report(p[0], "ERROR: %s() allocates" % (out))

@script:python depends on report@
p << gfp.p;
out << gfp.out;
@@

coccilib.report.print_report(p[0], "ERROR: %s() allocates" % (out))

@script:python depends on org@
p << way_out.p;
out << way_out.out;
@@

cocci.print_main("%s() allocates" % (out), p)

@script:python depends on org@
p << gfp.p;
out << gfp.out;
@@

cocci.print_main("%s() allocates" % (out), p)
