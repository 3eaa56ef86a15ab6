/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __SHIM_JIFFIES_H
#define __SHIM_JIFFIES_H

#include "../shim.h"

#define jiffies shim_jiffies()

#endif /* __SHIM_JIFFIES_H */
