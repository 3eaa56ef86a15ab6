// SPDX-License-Identifier: GPL-2.0-only
/// Find memory, IOVA and slots that are released although a device may still
/// reach them: nobody looked at what iommu_dma_retire_finish() and its like
/// answered, they answered false, or the mapping failed with -ENOTRECOVERABLE.
///
//# Functions of a file's own are known by their names only.
///
// Confidence: Moderate
// Options: --no-includes --include-headers
// Keywords: iommu_dma_retire_finish, iommu_map_nosync, ENOTRECOVERABLE

virtual org
virtual report

// Nobody looked. Where the IOVA goes, iommu_dma_retire_finish() sees to itself.

@ignored exists@
identifier retire = { iommu_dma_retire_cut, iommu_dma_retire_cut_all, iommu_dma_retire_finish, iommu_dma_retire_range, unmap_pages };
identifier release =~ "(^|_)free_(iova|page|memory|contiguous|from_pool)|(iova|space)_free$|(^|_)(release|drop|give)$|put_page|^folio_put|^swiotlb_tbl_unmap";
position p, q;
@@

retire@p(...);
...
release@q(...)

// It was not cut off

@refused exists@
identifier retire = { iommu_dma_retire_cut, iommu_dma_retire_cut_all, iommu_dma_retire_finish, iommu_dma_retire_range, unmap_pages };
identifier release =~ "(^|_)free_(iova|page|memory|contiguous|from_pool)|(iova|space)_free$|(^|_)(release|drop|give)$|put_page|^folio_put|^swiotlb_tbl_unmap";
position p, q;
@@

if (!retire@p(...)) {
	...
	release@q(...)
	...
}

// It was not undone. Who is handed the answer knows.

@mapped@
identifier ret;
identifier map = { iommu_map_nosync, iommu_map_vec_nosync, iommu_dma_commit_range, iommu_dma_commit_buffer, iommu_dma_commit_bounced, iommu_dma_commit_plan };
position p;
@@

ret = map@p(...)

@told@
identifier mapped.ret;
identifier release =~ "(^|_)free_(iova|page|memory|contiguous|from_pool)|(iova|space)_free$|(^|_)(release|drop|give)$|put_page|^folio_put|^swiotlb_tbl_unmap";
position ok;
@@

(
 release@ok(..., ret, ...)
|
 release@ok(..., <+... \(ret == -ENOTRECOVERABLE\|ret != -ENOTRECOVERABLE\) ...+>, ...)
)

@undone exists@
identifier mapped.ret, mapped.map;
identifier release =~ "(^|_)free_(iova|page|memory|contiguous|from_pool)|(iova|space)_free$|(^|_)(release|drop|give)$|put_page|^folio_put|^swiotlb_tbl_unmap";
identifier undo =~ "(^|_)(unmap|unlink|retire|undo|cut|finish)(_|$)";
position mapped.p, q != told.ok;
@@

 ret = map@p(...)
 ... when != \(ret == -ENOTRECOVERABLE\|ret != -ENOTRECOVERABLE\)
     when != ret = ...
     when != undo(...)
 release@q(...)

@script:python depends on report@
p << ignored.p;
q << ignored.q;
@@

msg = "ERROR: released, and nobody looked at what line %s answered" % (p[0].line)
coccilib.report.print_report(q[0], msg)

@script:python depends on report@
p << refused.p;
q << refused.q;
@@

msg = "ERROR: released, and line %s said that a device may reach it" % (p[0].line)
coccilib.report.print_report(q[0], msg)

@script:python depends on report@
p << mapped.p;
q << undone.q;
@@

msg = "ERROR: released, and line %s may have answered -ENOTRECOVERABLE" % (p[0].line)
coccilib.report.print_report(q[0], msg)

@script:python depends on org@
p << ignored.p;
q << ignored.q;
@@

cocci.print_main("released, and nobody looked at the answer", q)
cocci.print_secs("here", p)

@script:python depends on org@
p << refused.p;
q << refused.q;
@@

cocci.print_main("released, and a device may reach it", q)
cocci.print_secs("as was said here", p)

@script:python depends on org@
p << mapped.p;
q << undone.q;
@@

cocci.print_main("released, and perhaps not undone", q)
cocci.print_secs("mapped", p)
