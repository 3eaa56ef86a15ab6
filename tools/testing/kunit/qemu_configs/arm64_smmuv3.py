# SPDX-License-Identifier: GPL-2.0
#
# arm64 with every PCI device behind an SMMUv3: 4 CPUs, 2 GiB of memory, two
# "edu" DMA engines (one with a 64-bit mask, one with a 28-bit mask) and an
# NVMe drive that reads as zeroes and lends some memory to other devices.

from ..qemu_config import QemuArchParams

QEMU_ARCH = QemuArchParams(linux_arch='arm64',
			   kconfig='''
CONFIG_SERIAL_AMBA_PL011=y
CONFIG_SERIAL_AMBA_PL011_CONSOLE=y
CONFIG_PCI=y
CONFIG_PCI_MSI=y
CONFIG_PCI_HOST_GENERIC=y
CONFIG_ARM_SMMU_V3=y
CONFIG_BLK_DEV_NVME=y''',
			   qemu_arch='aarch64',
			   kernel_path='arch/arm64/boot/Image',
			   kernel_command_line='console=ttyAMA0',
			   extra_qemu_params=[
					   '-machine', 'virt,gic-version=3,iommu=smmuv3',
					   '-cpu', 'max',
					   '-smp', '4',
					   '-m', '2048',
					   '-device', 'edu,dma_mask=0xffffffffffffffff',
					   '-device', 'edu,dma_mask=0xfffffff',
					   '-drive', 'driver=null-co,size=64M,read-zeroes=on,if=none,id=null',
					   '-device', 'nvme,drive=null,serial=null,cmb_size_mb=2'])
