# guise: `make` builds build/guise. `make run`, `make check`, `make quick`: see README.md.
#
# Each folder under src/ is a static library; `layers` says who may include whom.
# Variants: make SAN=address|thread|fuzz, CC=clang, WERROR=1, BUILD=folder.

SAN    ?=
WERROR ?=
BUILD  ?= build$(if $(SAN),/$(SAN))
PREFIX ?= /usr/local
CC     ?= cc

PKGS   := libfdt slirp libcjson zlib libzstd libseccomp liblz4 liblzma bzip2 libcrypto
CFLAGS ?= -O2 -g
WARN   := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough \
          -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-missing-field-initializers
SAN_FLAGS_address := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_FLAGS_thread  := -fsanitize=thread
SAN_FLAGS_fuzz    := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
SAN_FLAGS := $(SAN_FLAGS_$(SAN))
LIBS   := -lfdt -lslirp -lcjson -lz -lzstd -llz4 -llzma -lbz2 -lcrypto -lseccomp -lm -lpthread
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -Isrc -I$(BUILD) $(WARN) $(if $(WERROR),-Werror) -fno-strict-aliasing \
             $(shell pkg-config --cflags slirp libcjson 2>/dev/null) $(CFLAGS) $(SAN_FLAGS)

# What needs a certain host's CPU: src/kvm, and the board it runs, want x86-64.
OTHERS   := $(if $(filter x86_64,$(shell uname -m)),,src/kvm/% src/machine/pc%)
SRCS     := $(filter-out %_test.c %_fuzz.c $(OTHERS) $(wildcard src/java/*.c),$(wildcard src/*/*.c src/*/*/*.c))
JVM_SRCS := $(filter-out %_test.c %_fuzz.c,$(wildcard src/java/*.c src/base/*.c)) src/vm/clock.c
MAIN     := src/cli/main.c
USER     := src/process/main.c
OCI      := src/container/oci/main.c
OCI_SEAL := src/container/oci/seal_start.c
IMAGE    := src/image/main.c
LIB_SRCS := $(filter-out $(MAIN) $(USER) $(OCI) $(OCI_SEAL) $(IMAGE),$(SRCS))
TESTS    := $(filter-out $(OTHERS),$(wildcard src/*/*_test.c src/*/*/*_test.c))
FUZZERS  := $(filter-out $(OTHERS),$(wildcard src/*/*_fuzz.c src/*/*/*_fuzz.c))
FOLDERS  := cli control container image isolation java process machine timing device debug kvm rv64 codegen memory vm base
obj       = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(1))
lib_of    = $(filter src/$(1)/%,$(LIB_SRCS))
LIB_FILES := $(FOLDERS:%=$(BUILD)/lib%.a)
TEST_BINS := $(patsubst src/%.c,$(BUILD)/test/%,$(TESTS))
FUZZ_BINS := $(patsubst src/%.c,$(BUILD)/fuzz/%,$(FUZZERS))

# A sanitized VM would need a sanitized java launcher.
all: $(BUILD)/guise $(BUILD)/guise-user $(BUILD)/guise-oci $(BUILD)/guise-image $(if $(SAN),,$(BUILD)/libjvm.so)

$(BUILD)/guise: $(call obj,$(MAIN)) $(LIB_FILES)
	@echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(LIB_FILES) -Wl,--end-group $(LIBS)

# Runs in place of a program, so it needs no library of the host's, nor of the program's root.
$(BUILD)/guise-user: $(call obj,$(USER)) $(LIB_FILES)
	@echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(LDFLAGS) $(if $(SAN),,-static-pie) -o $@ $< -Wl,--start-group $(LIB_FILES) -Wl,--end-group -lz -lzstd -lm -lpthread

# Started for every container: static, so that nothing is linked when it starts, and on x86-64
# with an entry of its own, before the C library's (seal_start.c).
OCI_LIBS  := $(BUILD)/libcontainer.a $(BUILD)/libisolation.a $(BUILD)/libbase.a
OCI_ENTRY_x86_64 := -Wl,-e,seal_entry
OCI_ENTRY := $(if $(SAN),,$(OCI_ENTRY_$(shell uname -m)))
$(BUILD)/obj/container/oci/seal_start.o: ALL_CFLAGS += -fno-stack-protector -fno-builtin
$(BUILD)/guise-oci: $(call obj,$(OCI) $(OCI_SEAL)) $(OCI_LIBS)
	@echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(LDFLAGS) $(if $(SAN),,-static) $(OCI_ENTRY) -Wl,--gc-sections -o $@ $(call obj,$(OCI) $(OCI_SEAL)) -Wl,--start-group $(OCI_LIBS) -Wl,--end-group -lseccomp -lm

# Loaded by java's launcher and by programs that embed a VM, so its objects are of their own.
JVM_OBJS := $(JVM_SRCS:src/%.c=$(BUILD)/pic/%.o)
$(BUILD)/libjvm.so: $(JVM_OBJS) src/java/libjvm.map
	@echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libjvm.so -Wl,--version-script,src/java/libjvm.map -Wl,-z,defs -o $@ $(JVM_OBJS) -lm -lpthread -ldl -lcjson -lz -lzstd
$(BUILD)/pic/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  PIC   $<"; $(CC) $(ALL_CFLAGS) -fPIC -fvisibility=hidden -fwrapv -MMD -MP -c -o $@ $<
ifeq ($(findstring clang,$(CC)),)
$(BUILD)/pic/java/interp.o: ALL_CFLAGS += -fno-gcse -fno-crossjumping
endif

# What needs libraries for networks and archives, which no other verb of guise is to load.
$(BUILD)/guise-image: $(call obj,$(IMAGE)) $(LIB_FILES)
	@echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(LIB_FILES) -Wl,--end-group -lcurl -larchive -lcrypto -lcjson -lm

define folder_lib
$(BUILD)/lib$(1).a: $(call obj,$(call lib_of,$(1)))
	@rm -f $$@; ar rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_lib,$(f))))

# One long function of many short pieces: merging their ends costs it a tenth of its speed.
ifeq ($(findstring clang,$(CC)),)
$(BUILD)/obj/rv64/interp.o: ALL_CFLAGS += -fno-gcse -fno-crossjumping
endif

# Loops over elements, which the host's vectors do.
$(BUILD)/obj/timing/gates/sim.o $(BUILD)/obj/rv64/vector_int.o $(BUILD)/obj/rv64/vector_fixed.o: ALL_CFLAGS += -O3

# Holds the descriptions of drives that come with guise, as they stand in their files.
$(BUILD)/obj/timing/storage.o: ALL_CFLAGS += -Wa,-Isrc
$(BUILD)/obj/timing/storage.o: $(wildcard src/timing/drives/*)

# What each row of insn.def does, as a macro BODY_name: fused.def puts two after each other.
$(BUILD)/rv64/bodies.h: src/rv64/insn.def
	@mkdir -p $(@D)
	@sed -n 's/^INSN(\([a-z0-9_]*\), [A-Z0-9]*, 0x[0-9a-f]*, 0x[0-9a-f]*, \(.*\))\( \/\*.*\)\?$$/#define BODY_\1 \2/p' $< > $@
$(BUILD)/obj/rv64/interp.o: $(BUILD)/rv64/bodies.h

# amocas.q is the host's 16-byte compare-and-swap.
ifeq ($(shell uname -m),x86_64)
$(BUILD)/obj/rv64/atomic.o: ALL_CFLAGS += -mcx16
endif

# What a file depends on holds for both of its names, whichever BUILD was given.
BOTH_NAMES = -MT $(abspath $@) -MT $(patsubst $(CURDIR)/%,%,$(abspath $@))

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC    $<"; $(CC) $(ALL_CFLAGS) -MMD -MP $(BOTH_NAMES) -c -o $@ $<

# Unit tests stand beside the code as *_test.c, each a cmocka program of its own.
$(BUILD)/test/%: $(BUILD)/obj/%.o $(LIB_FILES)
	@mkdir -p $(@D)
	@echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(LIB_FILES) -Wl,--end-group $(LIBS) -lcmocka

# When each of its jumps is sanitized too, clang thinks about this file for minutes.
ifeq ($(SAN),fuzz)
$(BUILD)/obj/rv64/interp.o: ALL_CFLAGS += -O0
endif

# Fuzzers stand beside the code as *_fuzz.c (libFuzzer): make SAN=fuzz CC=clang fuzzers
$(BUILD)/fuzz/%: $(BUILD)/obj/%.o $(LIB_FILES)
	@mkdir -p $(@D)
	@echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< -Wl,--start-group $(LIB_FILES) -Wl,--end-group $(LIBS)

# The instruction tests of tests/diff: generator, our executor, and that of the reference.
$(BUILD)/diff/probe: tests/diff/probe.c tests/diff/protocol.h
	@mkdir -p $(@D)
	@echo "  CROSS $@"; riscv64-linux-gnu-gcc -O2 -static -fno-stack-protector -mno-relax -Wl,--no-relax -o $@ $<
$(BUILD)/diff/%: tests/diff/%.c $(wildcard tests/diff/*.h) $(LIB_FILES)
	@mkdir -p $(@D)
	@echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(LIB_FILES) -Wl,--end-group $(LIBS)

tests: $(TEST_BINS)
fuzzers: $(FUZZ_BINS)
unit: tests
	@for t in $(TEST_BINS); do $$t || exit 1; done

run:
	@tools/setup run
	@$(MAKE) -s all
	@tools/guest build/guest
	@tools/demo

check:
	@tools/setup check
	@tools/guest build/guest || echo "check: without guests, tests that need them are skipped" >&2
	@tools/guest build/guest pc || echo "check: without a kernel for amd64, tests that need it are skipped" >&2
	@tools/check full

check-long:
	@tools/setup check
	@tools/guest build/guest long
	@tools/guest build/guest pc
	@tools/check long

quick:
	@tools/check quick

bench:
	@tools/setup bench
	@$(MAKE) -s all
	@tools/guest build/guest
	@bench/run
	@bench/processes
	@bench/java

# The manual page and the shells' completions come from the command's own table of verbs.
DOCS := $(BUILD)/man/guise.1 $(BUILD)/completion/guise.bash $(BUILD)/completion/_guise
docs: $(DOCS)
$(BUILD)/man/guise.1: $(BUILD)/guise
	@mkdir -p $(@D); $< help --man > $@.new && mv $@.new $@
$(BUILD)/completion/guise.bash: $(BUILD)/guise
	@mkdir -p $(@D); $< help --completion bash > $@.new && mv $@.new $@
$(BUILD)/completion/_guise: $(BUILD)/guise
	@mkdir -p $(@D); $< help --completion zsh > $@.new && mv $@.new $@

install: all docs
	install -Dm755 $(BUILD)/guise $(DESTDIR)$(PREFIX)/bin/guise
	install -Dm755 $(BUILD)/guise-user $(DESTDIR)$(PREFIX)/bin/guise-user
	install -Dm644 $(BUILD)/libjvm.so $(DESTDIR)$(PREFIX)/lib/guise/libjvm.so
	install -Dm755 $(BUILD)/guise-oci $(DESTDIR)$(PREFIX)/bin/guise-oci
	install -Dm755 $(BUILD)/guise-image $(DESTDIR)$(PREFIX)/bin/guise-image
	install -Dm644 $(BUILD)/man/guise.1 $(DESTDIR)$(PREFIX)/share/man/man1/guise.1
	install -Dm644 $(BUILD)/completion/guise.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/guise
	install -Dm644 $(BUILD)/completion/_guise $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_guise

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/guise bin/guise-user bin/guise-oci bin/guise-image lib/guise/libjvm.so share/man/man1/guise.1 \
	    share/bash-completion/completions/guise share/zsh/site-functions/_guise)

clean:
	rm -rf build

.PHONY: all tests fuzzers unit run check check-long quick bench docs install uninstall clean
.PRECIOUS: $(BUILD)/obj/%.o
-include $(shell find $(BUILD)/obj $(BUILD)/pic -name '*.d' 2>/dev/null)
