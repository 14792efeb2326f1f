# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# The first level: QEMU emulates a processor with SVM and boots a Debian kernel with KVM, in which
# hvlab then runs. Sourced by tests/lab/run; needs cache.sh.
#
#   disk vda       the job as a tar archive: in/ (level1/job says what is in it)
#   port "out"     comes back as a tar archive of out/
#   port "live"    what the job prints, as it prints it
#   port "gdb"     with --gdb: hvlab's /dev/gdb, a TCP port of this machine at the other end
#   serial 0       the kernel's console, into level1.log
#
# The initramfs holds only what is needed to get there: firmware loads it slowly when instructions
# are counted, a disk is read fast.

level1_kernel=6.12
level1_modules='irqbypass kvm,halt_poll_ns=0 kvm-amd tun virtio_blk'

# level1_image: prints the path of the initramfs. To be called in a subshell: it sets traps.
level1_image() {
	need cpio cpio
	need busybox busybox-static
	kernel=$("$kernels" path "$level1_kernel")
	release=${kernel##*/}
	busybox=$(command -v busybox)
	digest=$({
		cat "$here/level1/init" "$here/level1/level1.sh"
		stat -L -c '%s %Y' "$busybox"
	} | sha256sum | cut -c1-16)
	level1_initrd=$cache/images/level1-$release-$digest.cpio
	! cache_has "$level1_initrd" || {
		echo "$level1_initrd"
		return
	}
	cache_lock image-level1
	cache_begin "$cache/images/level1"
	mkdir -p "$making/tree/level1" "$making/tree/usr/bin" "$making/tree/usr/sbin" \
		"$making/tree/usr/lib" "$making/tree/usr/lib64"
	for directory in bin sbin lib lib64; do
		ln -s "usr/$directory" "$making/tree/$directory"
	done
	cp "$busybox" "$making/tree/level1/busybox"
	cp "$here/level1/init" "$making/tree/init"
	for entry in $level1_modules; do
		parameters=${entry#*,}
		[ "$parameters" != "$entry" ] || parameters=
		modprobe -S "$release" -d "$kernel" --show-depends "${entry%%,*}" |
			sed -n 's/^insmod \([^ ]*\).*/\1/p' | while read -r file; do
				name=${file##*/}
				[ ! -e "$making/tree/level1/$name" ] || continue
				cp "$file" "$making/tree/level1/$name"
				[ "${name%.ko}" = "${entry%%,*}" ] || parameters=
				printf '%s %s\n' "$name" "$parameters" \
					>>"$making/tree/level1/modules"
			done
	done
	(cd "$making/tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$making/image.cpio" ||
		die "$EX_SPACE" "cannot write the first level's image"
	cache_sweep images 'level1-*.cpio'
	mv "$making/image.cpio" "$level1_initrd"
	cache_end
	cache_unlock
	echo "$level1_initrd"
}

# level1_run JOB: boots the first level on JOB/in, which may hold links; leaves JOB/out. $counted,
# $memory (of the guest, MB), $deadline (seconds), $gdb_port, $level1_vmlinux, $level1_initrd,
# $level1_emulator and finish_child are the caller's. Fails when the level ended without
# handing back its results.
level1_run() {
	rm -rf "$1/out" "$1/out.tar"
	# Status 1 is "file changed": images never change, but another run may touch one.
	tar -C "$1" -hcf "$1/job.tar" in 2>"$1/tar.log" || [ $? -eq 1 ] ||
		logged_fail "packing the job" "$1/tar.log"
	# On a loaded machine the first level mistakes its clock, at times by a factor of ten.
	tsc=
	[ -n "$counted" ] || ! khz=$("$1/in/hvlab" --tsc 2>/dev/null) || tsc="tsc_early_khz=$khz"
	set -- "$1" -nodefaults -no-user-config -display none -no-reboot -M pc \
		-cpu max,erms=off,fsrm=off -m $((memory + 768)) \
		-kernel "$level1_vmlinux" -initrd "$level1_initrd" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off psi=0 nowatchdog no_timer_check tsc=reliable $tsc" \
		-chardev "file,id=console,path=$1/level1.log" -serial chardev:console \
		-drive "file=$1/job.tar,format=raw,if=none,id=job,readonly=on" \
		-device virtio-blk-pci,drive=job -device virtio-serial-pci \
		-chardev "file,id=out,path=$1/out.tar" \
		-device virtserialport,chardev=out,name=out \
		-chardev stdio,id=live,signal=off -device virtserialport,chardev=live,name=live
	if [ -n "$counted" ]; then
		set -- "$@" -accel tcg,thread=single -icount shift=0,sleep=off -smp 1 \
			-seed 1 -rtc base=2026-01-01,clock=vm
		limit=$((deadline * 4 + 120))
	else
		# One thread for all processors: on several, QEMU before 8.1 may keep a translation of
		# text that was patched meanwhile, an int3 of a static key for example, and either
		# level dies of it. With every core busy it is as fast.
		set -- "$@" -accel tcg,thread=single -smp "$(level1_cpus)"
		limit=$((deadline + 60))
	fi
	if [ -n "$gdb_port" ]; then
		set -- "$@" -device virtserialport,chardev=gdb,name=gdb \
			-chardev "socket,id=gdb,host=127.0.0.1,port=$gdb_port,server=on,wait=off"
	fi
	job_directory=$1
	shift
	# QEMU takes an end of its input for a closed port, and makes its output non-blocking for all
	# who share it: hence an input that does not end, and a pipe of its own.
	mkfifo "$job_directory/input" "$job_directory/live"
	cat "$job_directory/live" &
	live=$!
	timeout -k 5 "$limit" "$level1_emulator" -L /usr/share/qemu -L /usr/share/seabios "$@" \
		<>"$job_directory/input" >"$job_directory/live" 2>"$job_directory/qemu.log" &
	finish_child
	wait "$live"
	rm -f "$job_directory/input" "$job_directory/live"
	mkdir -p "$job_directory/out"
	tar -C "$job_directory/out" -xf "$job_directory/out.tar" 2>/dev/null
	rm -f "$job_directory/job.tar" "$job_directory/out.tar"
	[ -s "$job_directory/out/status" ]
}

# level1_cpus: as many as the machine has, 2 to 8.
level1_cpus() {
	cpus=$(nproc)
	[ "$cpus" -ge 2 ] || cpus=2
	[ "$cpus" -le 8 ] || cpus=8
	echo "$cpus"
}
