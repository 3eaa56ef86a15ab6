# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# lab/devices.sh - the devices of lab/guest/plan, as arguments of QEMU. Sourced after
# lab/lib.sh by what boots the guest of real drivers.

# disk NAME DIRECTORY
disk() {
	truncate -s 256M "$2/$1.img"
	echo "if=none,id=$1,format=raw,cache=unsafe,file=$2/$1.img"
}

# devices PLAN DIRECTORY: print them, a word a line; each at its address on the root
# bus and so behind the IOMMU. Disks are made in the directory.
devices() {
	while read -r role address _; do
		slot=${address#*:*:} slot=${slot%.*}
		virtio=iommu_platform=on,disable-legacy=on,addr=$slot
		case $role in
		'#' | '') ;;
		nvme) printf '%s\n' -drive "$(disk nvme "$2")" -device "nvme,drive=nvme,serial=nvme,addr=$slot" ;;
		vblk) printf '%s\n' -drive "$(disk vblk "$2")" -device "virtio-blk-pci,drive=vblk,$virtio" ;;
		usb) printf '%s\n' -drive "$(disk usb "$2")" -device "qemu-xhci,id=xhci,addr=$slot" \
			-device usb-storage,bus=xhci.0,drive=usb ;;
		vnet) printf '%s\n' -netdev hubport,id=vnet,hubid=1 \
			-device "virtio-net-pci,netdev=vnet,romfile=,$virtio" ;;
		e1000e) printf '%s\n' -netdev hubport,id=e1000e,hubid=1 \
			-device "e1000e,netdev=e1000e,romfile=,addr=$slot" ;;
		edu64) printf '%s\n' -device "edu,dma_mask=0xffffffffffffffff,addr=$slot" ;;
		edu28) printf '%s\n' -device "edu,dma_mask=0xfffffff,addr=$slot" ;;
		*) die "lab/guest/plan names $role; teach lab/devices.sh how to make one" ;;
		esac
	done <"$1"
}
