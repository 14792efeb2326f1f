# SPDX-License-Identifier: GPL-2.0
#
# hvaccel. `make help` lists what can be made; the modules themselves are described in Kbuild.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build

package := $(shell sed -n 's/^PACKAGE_NAME="\(.*\)"$$/\1/p' dkms.conf)
version := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)
names := $(shell sed -n 's/^BUILT_MODULE_NAME.*="\(.*\)"$$/\1/p' dkms.conf)

# Where things go. INSTALL_MOD_PATH is kbuild's name for what packagers call DESTDIR.
DESTDIR ?=
INSTALL_MOD_PATH ?= $(DESTDIR)
INSTALL_MOD_DIR ?= updates
moddir = $(INSTALL_MOD_PATH)/lib/modules/$(release)/$(INSTALL_MOD_DIR)
# Only where the kernel itself is: a packager's root gets its depmod at installation.
depmod = [ ! -f '$(INSTALL_MOD_PATH)/lib/modules/$(release)/modules.builtin' ] || \
	depmod $(if $(INSTALL_MOD_PATH),-b '$(INSTALL_MOD_PATH)') '$(release)'
dkmsdir = $(DESTDIR)/usr/src/$(package)-$(version)
# What DKMS gets; and what the source tarball holds, nothing else leaves the house.
dkmsfiles = COPYING Kbuild Makefile dkms.conf compat gpu-passthrough include netvsc-accel vmbus
distfiles = $(dkmsfiles) README.md docs packaging tests tools

# The release that KDIR is for, whatever KVER says.
utsrelease = $(KDIR)/include/generated/utsrelease.h
release = $(or $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' '$(utsrelease)' 2>/dev/null),$(KVER))

# The kernel's own compiler. gcc is left to kbuild, which Debian's headers tell its version; a kernel
# that clang built wants the whole of LLVM.
config = $(KDIR)/include/config/auto.conf
llvm = $(if $(LLVM),,$(shell ! grep -qs '^CONFIG_CC_IS_CLANG=y' '$(config)' || echo LLVM=1))
compiler-missing = compiler=$$(sed -n 's/^CONFIG_CC_VERSION_TEXT="*\([^ "]*\).*/\1/p' '$(config)' 2>/dev/null); \
	command -v "$${compiler:-make}" >/dev/null || echo "hvaccel: kernel $(release) was built with" \
		"$$compiler, which is not installed" >&2

# Where the checkout lies is not in the modules, as a file's directory or, from 6.13 on, as the
# compiler's own: two of them give the same bytes. pahole's threads leave no order of types; kernels
# from 6.12 on, as Debian has them, do without where this time is set.
kbuild = KBUILD_BUILD_TIMESTAMP='$(or $(KBUILD_BUILD_TIMESTAMP),1970-01-01)' $(MAKE) -C '$(KDIR)' \
	M='$(CURDIR)' KBUILD_EXTRA_SYMBOLS= $(llvm) \
	KCFLAGS='$(KCFLAGS) -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(CURDIR)/='

.DEFAULT_GOAL := modules

.PHONY: help
help: ## list the targets
	@echo 'Variables: KVER=RELEASE KDIR=HEADERS LLVM=1 DESTDIR=ROOT (or INSTALL_MOD_PATH=ROOT)'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: modules
modules: headers-exist ## build the kernel modules for KVER (default: the running kernel)
	+$(kbuild) modules || { $(compiler-missing); exit 1; }

.PHONY: demo
demo: ## run hv_netvsc and hv_netvsc_accel side by side on a Hyper-V host of our own
	@tests/demo

.PHONY: check
check: ## run the tests on one kernel; SUITE="unit lab ..." for some of them
	@tests/check $(SUITE)

# KERNEL= SETTING= RUNS= PACKETS= for bench, KERNEL= PACKETS= NEW=results.json for bench-targets; BENCH=
# names some of tests/bench/benches. Without it everything is measured, and bench writes
# docs/performance.md.
benchoptions = $(if $(KERNEL),--kernel $(KERNEL)) $(if $(RUNS),--runs $(RUNS)) \
	$(if $(PACKETS),--packets $(PACKETS))

.PHONY: bench
bench: ## measure the cost of a packet; BENCH=name SETTING=low|middle|high|all RUNS=n
	@tests/bench/run $(benchoptions) --setting $(or $(SETTING),$(if $(BENCH),middle,all)) \
		$(or $(BENCH),--fresh --doc docs/performance.md)

.PHONY: bench-compare
bench-compare: ## measure again what BASE=results.json has; fails on what became over 2 % dearer
	@[ -n '$(BASE)' ] || { echo 'bench-compare: BASE=results.json is wanted' >&2; exit 2; }
	@tests/bench/compare '$(BASE)' $(if $(NEW),'$(NEW)')

.PHONY: bench-targets
bench-targets: ## measure the targets afresh, middle timing; fails where one is missed; BENCH=name
	@tests/bench/check-targets $(if $(KERNEL),--kernel $(KERNEL)) $(addprefix --bench ,$(BENCH)) \
		$(if $(PACKETS),--packets $(PACKETS)) $(if $(NEW),'$(NEW)')

.PHONY: matrix
matrix: ## run every test on every kernel; SUITE= as for check
	@tests/check --matrix $(SUITE)

.PHONY: lint
lint: ## checkpatch, sparse, W=1, shellcheck and the house rules
	tests/lint

.PHONY: install
install: modules ## install the modules for KVER and run depmod
	+$(kbuild) INSTALL_MOD_PATH='$(INSTALL_MOD_PATH)' INSTALL_MOD_DIR='$(INSTALL_MOD_DIR)' \
		DEPMOD=true modules_install
	$(depmod)

.PHONY: uninstall
uninstall: ## remove the modules that install put there, and run depmod
	dir='$(moddir)'; [ ! -d "$$dir" ] || { find "$$dir" -type f \
		\( $(foreach name,$(names),-name '$(name).ko*' -o) -false \) -print -delete; \
		find "$$dir" -depth -type d -empty -delete; }
	$(depmod)

.PHONY: dkms
dkms: ## register this source with DKMS, then build and install it for KVER
	@[ -n '$(DESTDIR)' ] || command -v dkms >/dev/null || { echo 'dkms: dkms not found: install it, with' \
		'the headers of $(KVER); or DESTDIR= for the sources alone' >&2; exit 1; }
	[ -n '$(DESTDIR)' ] || ! dkms status -m $(package) -v $(version) | grep -q . || \
		dkms remove -m $(package) -v $(version) --all
	rm -rf '$(dkmsdir)'
	mkdir -p '$(dkmsdir)'
	cp -r $(dkmsfiles) '$(dkmsdir)'
	find '$(dkmsdir)' -name '*.o' -o -name '*.ko' -o -name '*.mod*' -o -name '.*.cmd' -o -name '.*.d' \
		-o -name modules.order -o -name Module.symvers | xargs -r rm -f
	rm -rf '$(dkmsdir)/compat/generated'
	[ -n '$(DESTDIR)' ] || { dkms add -m $(package) -v $(version) && \
		dkms install -m $(package) -v $(version) -k '$(KVER)'; }

.PHONY: distfiles
distfiles:
	@echo $(distfiles)

.PHONY: dist
dist: ## make the source tarball and its release notes in build/dist, of the last commit
	@packaging/dist '$(package)-$(version)' build/dist $(distfiles)

# KERNELS="RELEASE=HEADERS ..." for other kernels than KVER; KEY= CERT= sign. The name of a kernel may
# have a dash, its folder none of = and spaces.
rpmkernels = $(foreach kernel,$(or $(KERNELS),$(release)=$(KDIR)),--kernel $(subst =, ,$(kernel)))
rpmsign = $(if $(KEY),--define 'sign_key $(abspath $(KEY))' --define 'sign_cert $(abspath $(CERT))')

.PHONY: rpm
rpm: dist ## make RPMs of the command and of the modules for KVER in build/rpm; KEY= CERT= sign
	packaging/rpm/build 'build/dist/$(package)-$(version).tar.gz' build/rpm --user $(rpmkernels) \
		$(rpmsign) $(RPMBUILD_OPTIONS)

.PHONY: deb
deb: dist ## make Debian packages of the command and for DKMS in build/deb
	packaging/debian/build 'build/dist/$(package)-$(version).tar.gz' build/deb

# What is made of built modules. The time in them is the last commit's, where there is one.
epoch = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null))
signing = $(if $(KEY),--key '$(KEY)' --cert '$(CERT)')
# COMMAND $(call into,FILE): its output, and no FILE when it fails.
into = >'$(1).new' || { rm -f '$(1).new' '$(1)'; exit 1; }; mv '$(1).new' '$(1)'

.PHONY: sysext
sysext: modules ## make a system extension for KVER in build/sysext; KEY= CERT= sign, FORMAT=erofs
	SOURCE_DATE_EPOCH='$(epoch)' packaging/sysext/build --kdir '$(KDIR)' --to build/sysext \
		--tools build/tools-static $(signing) $(if $(FORMAT),--format '$(FORMAT)') $(if $(OS),--os $(OS))

.PHONY: kmm
kmm: modules ## make an image for Kubernetes KMM in build/kmm; IMAGE=REPOSITORY, KEY= CERT= sign
	@[ -n '$(IMAGE)' ] || { echo 'kmm: IMAGE=REPOSITORY is wanted' >&2; exit 2; }
	SOURCE_DATE_EPOCH='$(epoch)' packaging/kmm/build --kdir '$(KDIR)' --to build/kmm \
		--image '$(IMAGE)' $(signing)

.PHONY: azurelinux
azurelinux: ## make the files for Azure Linux's own builds in build/azurelinux
	SOURCE_DATE_EPOCH='$(epoch)' packaging/azurelinux/make build/azurelinux

.PHONY: sbom
sbom: dist ## make the SPDX bill of materials of the tarball in build/dist, and its sum
	packaging/sbom 'build/dist/$(package)-$(version).tar.gz' \
		$(call into,build/dist/$(package)-$(version).spdx.json)
	cd build/dist && sha256sum $(package)-$(version).* >SHA256SUMS

.PHONY: provenance
provenance: modules ## state how the modules for KVER were made, in build/provenance.json
	rm -rf build/provenance && packaging/modules stage --plain --kdir '$(KDIR)' --to build/provenance
	SOURCE_DATE_EPOCH='$(epoch)' packaging/provenance --kdir '$(KDIR)' --dir build/provenance \
		$(call into,build/provenance.json)

.PHONY: checksums
checksums: ## write the sums of all that was made in build to build/SHA256SUMS
	@packaging/checksums build

.PHONY: sign
sign: ## sign the modules that were built for KVER with KEY= CERT=, where they are
	@[ -n '$(KEY)' ] && [ -n '$(CERT)' ] || { echo 'sign: KEY= and CERT= are wanted' >&2; exit 2; }
	packaging/modules sign --kdir '$(KDIR)' --key '$(KEY)' --cert '$(CERT)' \
		$$(packaging/modules files | sed 's/$$/.ko/')

.PHONY: clean
clean: ## remove what was built
	rm -rf build
	$(if $(wildcard $(KDIR)/Makefile),+$(kbuild) clean)

# A build without headers ends with one line that names what is missing.
.PHONY: headers-exist
headers-exist:
	@[ -f '$(KDIR)/Makefile' ] || { \
		echo 'hvaccel: no kernel headers in $(KDIR); install those of $(KVER) or set KDIR=' >&2; \
		exit 1; \
	}
