// SPDX-License-Identifier: GPL-2.0-only
/// Find what is released while a device can still reach it: IOVA, memory or a
/// slot of swiotlb, after the page table has been cleared and before the IOTLB
/// has been invalidated. Find also what is cleared and then not invalidated.
///
//# Functions of a file's own are known by their names only. One that releases
//# says so, or says drop, give or free_page; one that invalidates says that, or
//# sync, flush, cut or finish. What kfree() frees is notes of a mapping more
//# often than memory of one, and not looked at.
///
// Confidence: Moderate
// Options: --no-includes --include-headers
// Keywords: iommu_unmap_fast, iommu_iotlb_sync, iommu_dma_retire_finish

virtual org
virtual report

// The IOMMU API: iommu_unmap_fast(), then iommu_iotlb_sync()

@early exists@
identifier invalidate =~ "(^|_)(sync|flush|invalidate|cut|finish)(_|$)";
identifier release =~ "(^|_)free_(iova|page|memory|contiguous|from_pool)|(iova|space)_free$|(^|_)(release|drop|give)$|put_page|^folio_put|^swiotlb_tbl_unmap";
position p, q;
@@

iommu_unmap_fast@p(...)
... when != invalidate(...)
release@q(...)

@last@
identifier done != { iommu_unmap_fast, iommu_iotlb_gather_init };
local idexpression gather;
position ok;
@@

return@ok <+... done(..., &gather, ...) ...+>;

@half exists@
identifier done != { iommu_unmap_fast, iommu_iotlb_gather_init };
local idexpression gather;
position p, q != last.ok;
@@

iommu_unmap_fast@p(..., &gather)
... when != done(..., &gather, ...)
    when != iommu_flush_iotlb_all(...)
return@q ...;

@seen_to exists@
identifier done != { iommu_unmap_fast, iommu_iotlb_gather_init };
local idexpression gather;
position ok;
@@

iommu_unmap_fast@ok(..., &gather)
... when any
(
 done(..., &gather, ...)
|
 iommu_flush_iotlb_all(...)
)

@left@
local idexpression gather;
position p != seen_to.ok;
@@

iommu_unmap_fast@p(..., &gather)

// The DMA mapping layer: iommu_dma_retire_clear() or iommu_dma_retire_buffer(),
// any number of times, then iommu_dma_retire_finish() or iommu_dma_retire_cut()

@retired_early exists@
expression retire;
identifier cut =~ "(^|_)(cut|finish)(_|$)";
identifier release =~ "(^|_)free_(iova|page|memory|contiguous|from_pool)|(iova|space)_free$|(^|_)(release|drop|give)$|put_page|^folio_put|^swiotlb_tbl_unmap";
position p, q;
@@

\(iommu_dma_retire_clear@p\|iommu_dma_retire_buffer@p\)(retire, ...)
... when != cut(retire, ...)
release@q(...)

@retired_last@
identifier done != { iommu_dma_retire_clear, iommu_dma_retire_buffer };
local idexpression retire;
position ok;
@@

return@ok <+... done(..., &retire, ...) ...+>;

@retired_half exists@
identifier done != { iommu_dma_retire_clear, iommu_dma_retire_buffer };
local idexpression retire;
position p, q != retired_last.ok;
@@

\(iommu_dma_retire_clear@p\|iommu_dma_retire_buffer@p\)(&retire, ...)
... when != done(..., &retire, ...)
return@q ...;

@retired_seen_to exists@
identifier done != { iommu_dma_retire_clear, iommu_dma_retire_buffer };
local idexpression retire;
position ok;
@@

\(iommu_dma_retire_clear@ok\|iommu_dma_retire_buffer@ok\)(&retire, ...)
... when any
done(..., &retire, ...)

@retired_left@
local idexpression retire;
position p != retired_seen_to.ok;
@@

\(iommu_dma_retire_clear@p\|iommu_dma_retire_buffer@p\)(&retire, ...)

// The end of a function is a return as well, of one column. What is invalidated
// on some way to it was perhaps all that there was.

@script:python depends on report@
p << early.p;
q << early.q;
@@

msg = "ERROR: released before what line %s unmapped is invalidated" % (p[0].line)
coccilib.report.print_report(q[0], msg)

@script:python depends on report@
p << half.p;
q << half.q;
@@

msg = "ERROR: return before what line %s unmapped is invalidated" % (p[0].line)
if int(q[0].column_end) - int(q[0].column) > 1:
	coccilib.report.print_report(q[0], msg)

@script:python depends on report@
p << left.p;
@@

coccilib.report.print_report(p[0], "ERROR: unmapped and never invalidated")

@script:python depends on report@
p << retired_early.p;
q << retired_early.q;
@@

msg = "ERROR: released before what line %s cleared is cut off" % (p[0].line)
coccilib.report.print_report(q[0], msg)

@script:python depends on report@
p << retired_half.p;
q << retired_half.q;
@@

msg = "ERROR: return before what line %s cleared is cut off" % (p[0].line)
if int(q[0].column_end) - int(q[0].column) > 1:
	coccilib.report.print_report(q[0], msg)

@script:python depends on report@
p << retired_left.p;
@@

coccilib.report.print_report(p[0], "ERROR: cleared and never cut off")

@script:python depends on org@
p << early.p;
q << early.q;
@@

cocci.print_main("released before the invalidation", q)
cocci.print_secs("of what is unmapped here", p)

@script:python depends on org@
p << half.p;
q << half.q;
@@

if int(q[0].column_end) - int(q[0].column) > 1:
	cocci.print_main("return before the invalidation", q)
	cocci.print_secs("of what is unmapped here", p)

@script:python depends on org@
p << left.p;
@@

cocci.print_main("unmapped and never invalidated", p)

@script:python depends on org@
p << retired_early.p;
q << retired_early.q;
@@

cocci.print_main("released before it is cut off", q)
cocci.print_secs("what is cleared here", p)

@script:python depends on org@
p << retired_half.p;
q << retired_half.q;
@@

if int(q[0].column_end) - int(q[0].column) > 1:
	cocci.print_main("return before it is cut off", q)
	cocci.print_secs("what is cleared here", p)

@script:python depends on org@
p << retired_left.p;
@@

cocci.print_main("cleared and never cut off", p)
