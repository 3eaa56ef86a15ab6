// SPDX-License-Identifier: GPL-2.0-only
/// Whether a mapping has failed, dma_mapping_error() says, and nothing else does:
/// 0 is an address like any other, ~0 is as wide as what it is compared to, and
/// where DMA_MAPPING_ERROR is compared to, dma-debug does not see that somebody
/// asked. What dma_map_sg() returns is 0 on failure, and never negative.
///
//# Within the DMA mapping layer, no IOVA is to be compared to 0 at all.
///
// Confidence: Moderate
// Options: --no-includes --include-headers
// Keywords: dma_map_single, dma_map_page, dma_mapping_error, DMA_MAPPING_ERROR

virtual org
virtual report

@initialize:python@
@@

import re

NUMBER = re.compile(r"(\(\w+\))?\(?(0|0x0+|~0|-1)U?L*\)?", re.I)

def is_sentinel(value, call):
	value = value.replace(" ", "")
	# Below the DMA API, there is nobody to tell
	return NUMBER.fullmatch(value) or (value == "DMA_MAPPING_ERROR" and
					   call != "iommu_dma_map_phys")

# Tests know where their domains begin. M= has paths begin anywhere.
def in_layer(path):
	return re.search(r"(^|/)dma-iommu/[^/]*$", path) and "tools/" not in path

@mapped@
expression dma;
identifier map = { dma_map_single, dma_map_single_attrs, dma_map_page, dma_map_page_attrs, dma_map_phys, dma_map_resource, dma_map_bvec, skb_frag_dma_map, iommu_dma_map_phys };
position p;
@@

dma = map@p(...)

@compared exists@
expression mapped.dma, E, value;
identifier mapped.map;
position mapped.p, q;
@@

dma = map@p(...)
... when != dma = E
(
 dma@q == value
|
 dma@q != value
)

@tested exists@
expression mapped.dma, E;
identifier mapped.map;
position mapped.p, q;
@@

dma = map@p(...)
... when != dma = E
(
 !dma@q
|
 dma@q < 0
|
 IS_ERR_VALUE(dma@q)
)

@decided disable neg_if exists@
expression mapped.dma, E;
identifier mapped.map;
position mapped.p, q;
statement S1, S2;
@@

dma = map@p(...)
... when != dma = E
if (dma@q) S1 else S2

@at_once@
expression dma, value;
identifier map = { dma_map_single, dma_map_single_attrs, dma_map_page, dma_map_page_attrs, dma_map_phys, dma_map_resource, dma_map_bvec, skb_frag_dma_map, iommu_dma_map_phys };
position q;
@@

(
 map@q(...) == value
|
 map@q(...) != value
|
 (dma = map@q(...)) == value
|
 (dma = map@q(...)) != value
)

@not_at_once@
expression dma;
identifier map = { dma_map_single, dma_map_single_attrs, dma_map_page, dma_map_page_attrs, dma_map_phys, dma_map_resource, dma_map_bvec, skb_frag_dma_map, iommu_dma_map_phys };
position q;
@@

(
 !map@q(...)
|
 !(dma = map@q(...))
)

@listed exists@
expression nents, E;
position q;
@@

nents = \(dma_map_sg\|dma_map_sg_attrs\)(...)
... when != nents = E
nents@q < 0

// swiotlb says (phys_addr_t)DMA_MAPPING_ERROR, and nobody is told of its slots

@slot exists@
expression phys, E, value;
position q;
@@

phys = swiotlb_tbl_map_single(...)
... when != phys = E
(
 phys@q == value
|
 phys@q != value
)

@no_slot exists@
expression phys, E;
position q;
@@

phys = swiotlb_tbl_map_single(...)
... when != phys = E
!phys@q

@zero@
typedef dma_addr_t;
idexpression dma_addr_t iova;
position q;
@@

(
 !iova@q
|
 iova@q == 0
|
 iova@q != 0
)

@script:python depends on report@
q << compared.q;
value << compared.value;
call << mapped.map;
@@

if is_sentinel(value, call):
	coccilib.report.print_report(q[0], "ERROR: use dma_mapping_error()")

@script:python depends on report@
q << tested.q;
@@

coccilib.report.print_report(q[0], "ERROR: use dma_mapping_error()")

@script:python depends on report@
q << decided.q;
@@

coccilib.report.print_report(q[0], "ERROR: use dma_mapping_error()")

@script:python depends on report@
q << at_once.q;
value << at_once.value;
call << at_once.map;
@@

if is_sentinel(value, call):
	coccilib.report.print_report(q[0], "ERROR: use dma_mapping_error()")

@script:python depends on report@
q << not_at_once.q;
@@

coccilib.report.print_report(q[0], "ERROR: use dma_mapping_error()")

@script:python depends on report@
q << listed.q;
@@

coccilib.report.print_report(q[0], "ERROR: dma_map_sg() returns 0 on failure")

@script:python depends on report@
q << slot.q;
value << slot.value;
@@

if is_sentinel(value, "swiotlb_tbl_map_single"):
	coccilib.report.print_report(q[0], "ERROR: use (phys_addr_t)DMA_MAPPING_ERROR")

@script:python depends on report@
q << no_slot.q;
@@

coccilib.report.print_report(q[0], "ERROR: use (phys_addr_t)DMA_MAPPING_ERROR")

@script:python depends on report@
q << zero.q;
@@

if in_layer(q[0].file):
	coccilib.report.print_report(q[0], "ERROR: 0 is an IOVA like any other")

@script:python depends on org@
q << compared.q;
value << compared.value;
call << mapped.map;
@@

if is_sentinel(value, call):
	cocci.print_main("use dma_mapping_error()", q)

@script:python depends on org@
q << tested.q;
@@

cocci.print_main("use dma_mapping_error()", q)

@script:python depends on org@
q << decided.q;
@@

cocci.print_main("use dma_mapping_error()", q)

@script:python depends on org@
q << at_once.q;
value << at_once.value;
call << at_once.map;
@@

if is_sentinel(value, call):
	cocci.print_main("use dma_mapping_error()", q)

@script:python depends on org@
q << not_at_once.q;
@@

cocci.print_main("use dma_mapping_error()", q)

@script:python depends on org@
q << listed.q;
@@

cocci.print_main("dma_map_sg() returns 0 on failure", q)

@script:python depends on org@
q << slot.q;
value << slot.value;
@@

if is_sentinel(value, "swiotlb_tbl_map_single"):
	cocci.print_main("use (phys_addr_t)DMA_MAPPING_ERROR", q)

@script:python depends on org@
q << no_slot.q;
@@

cocci.print_main("use (phys_addr_t)DMA_MAPPING_ERROR", q)

@script:python depends on org@
q << zero.q;
@@

if in_layer(q[0].file):
	cocci.print_main("0 is an IOVA like any other", q)
