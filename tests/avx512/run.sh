#!/usr/bin/env bash
# The kernel's and the passes' tests where there is AVX-512: on this processor if it has it, else in an emulated one.
#
#   tests/avx512/run.sh [FILTER …]
#
# FILTERs choose tests by a part of their names; without, all are run. EMULATE=1 takes the emulator on any processor.
#
# The emulator is Bochs (Debian's package), which interprets every instruction of a Skylake-X: a thousand times slower than a
# processor. So a test that has a list of cases runs the first of every sixteen there (ONE_CASE_IN chooses another number), with
# AVX-512, and with AVX2 as well where bits are compared. It boots Debian's small cloud kernel from a disc image with the tests in
# its memory as all there is: what they print comes out of the serial port. Everything is made in a temporary directory.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages=(-p phasesweep-fused -p phasesweep-kernel -p phasesweep-passes)
if [ -z "${EMULATE:-}" ] && grep -qw avx512f /proc/cpuinfo && grep -qw avx512dq /proc/cpuinfo; then
  echo "this processor has AVX-512: no emulator is needed (EMULATE=1 takes it all the same)"
  cargo test --release --locked "${packages[@]}" -- "$@"
  exit
fi
for command in bochs xorriso busybox cpio script dpkg-deb /usr/lib/ISOLINUX/isolinux.bin; do
  command -v $command >/dev/null || [ -e $command ] || { echo "skipped: there is no AVX-512 here, and no $command to emulate it"; exit 0; }
done
one_case_in=${ONE_CASE_IN:-16}
# Without phasesweep-fused, which has no vectors and is held against the processor's fused multiply-add: of doubles whose digits
# cancel, Bochs 2.7 gets that wrong. (-0.19675651340746195 · 1.7458471151933832 + 0.34350679132792566 is 3.1e-20, and 0 there.)
packages=(-p phasesweep-kernel -p phasesweep-passes)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/initramfs/{bin,proc,dev,tests} "$work/disc"

# The tests as they are built for this machine, and the libraries that they load. Examples, which are built with them, are none.
cargo test --release --locked --no-run --message-format=json "${packages[@]}" |
  sed -n '/"test":true/s/.*"executable":"\([^"]*\)".*/\1/p' >"$work/programs"
while read -r program; do
  cp "$program" "$work/initramfs/tests/"
  ldd "$program" | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "$work/initramfs$library"; done
done <"$work/programs"
strip "$work"/initramfs/tests/*
cp "$(command -v busybox)" "$work/initramfs/bin/sh"

echo "$@" >"$work/initramfs/filters"
echo "$one_case_in" >"$work/initramfs/one_case_in"
cat >"$work/initramfs/init" <<'INIT'
#!/bin/sh
mount -t proc none /proc
mount -t devtmpfs none /dev
PHASESWEEP_ONE_CASE_IN=$(cat /one_case_in)
export PHASESWEEP_ONE_CASE_IN
grep -m1 -o 'avx512dq' /proc/cpuinfo || echo 'the emulated processor lacks AVX-512'
for program in /tests/*; do
  # shellcheck disable=SC2046 # a filter is a word
  $program --test-threads=1 $(cat /filters) </dev/null 2>&1
done
echo 'all programs have ended'
# Until the serial line has sent all of it.
sleep 2
poweroff -f
INIT
chmod +x "$work/initramfs/init"
for applet in mount grep cat sleep poweroff; do ln -s sh "$work/initramfs/bin/$applet"; done

# Debian's kernel for clouds: small, and with a serial console.
release=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p')
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$release" && dpkg-deb -x "$release"_*.deb kernel) ||
  { echo "skipped: the package $release cannot be had"; exit 0; }
mkdir -p "$work/disc/isolinux"
cp "$work"/kernel/boot/vmlinuz-* "$work/disc/vmlinuz"
(cd "$work/initramfs" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/disc/initrd"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/disc/isolinux/"
# Without XSAVEC and XSAVES (321, 323), of whose sizes Bochs 2.7 tells another number than Linux adds up; it would do without
# AVX then.
cat >"$work/disc/isolinux/isolinux.cfg" <<'BOOT'
default tests
label tests
  kernel /vmlinuz
  append initrd=/initrd console=ttyS0 quiet nokaslr mitigations=off clearcpuid=321,323
BOOT
xorriso -as mkisofs -quiet -o "$work/disc.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot \
  -boot-load-size 4 -boot-info-table "$work/disc"

cat >"$work/bochsrc" <<BOCHS
megs: 1024
cpu: model=corei7_skylake_x, count=1, ips=100000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$work/disc.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial
display_library: term
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
clock: sync=none
log: /dev/null
panic: action=fatal
BOCHS
# Debian's Bochs begins in its debugger, which is to go on and wants a terminal, which `script` gives it. Its screen is another
# terminal, which it names; once that has taken a few thousand characters that nobody reads, Bochs waits for ever.
echo c >"$work/go"
started=$SECONDS
touch "$work/serial" "$work/terminal"
tail -f "$work/serial" & readers=$!
TERM=xterm script -qefc "bochs -q -f $work/bochsrc -rc $work/go" "$work/terminal" >/dev/null 2>&1 </dev/null & emulator=$!
until screen=$(grep -aom1 '/dev/pts/[0-9]*' "$work/terminal") || ! kill -0 $emulator 2>/dev/null; do sleep 1; done
if [ -n "$screen" ]; then cat "$screen" >/dev/null 2>&1 & readers+=" $!"; fi
wait $emulator || true
sleep 1
# shellcheck disable=SC2086 # each is a word
kill $readers 2>/dev/null || true

passed=$(sed -n 's/^test result: .* \([0-9]*\) passed.*/\1/p' "$work/serial" | paste -sd+ | bc)
failed=$(sed -n 's/^test result: .* \([0-9]*\) failed.*/\1/p' "$work/serial" | paste -sd+ | bc)
echo "AVX-512 in Bochs: ${passed:-0} tests passed with one case in $one_case_in, ${failed:-0} failed, in $((SECONDS - started)) seconds"
grep -q 'all programs have ended' "$work/serial" && grep -qx 'avx512dq.*' "$work/serial" && [ "${failed:-1}" = 0 ]
