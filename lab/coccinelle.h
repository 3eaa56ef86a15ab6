/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What spatch has to be told of the kernel's words, so that it reads all of ours.
 * For lab/coccicheck; nothing is compiled with this.
 */
#define scoped_guard YACFE_ITERATOR
#define kunit_warning_suppress YACFE_ITERATOR
#define DEFINE_PER_CPU(type, name) type name
#define __uninitialized
#define VISIBLE_IF_KUNIT
