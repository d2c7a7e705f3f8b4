#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# install.sh - what `cmake --install` lays out: a program that runs, data beside it, a shared library that
# exports only persona_*, and enough for a stranger's project to find and use it.
set -euo pipefail

build=$(dirname "$PERSONA")
grep -q '^PERSONA_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt" && exit 77 # a plain program cannot load it
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

cmake --install "$build" --prefix "$tmp/usr" >"$tmp/log" || { cat "$tmp/log"; fail "install"; }
"$tmp/usr/bin/persona" --version | grep -q persona || fail "the installed program does not run"
for f in share/persona/traits/silly.json share/persona/words/politeness.txt include/persona/persona.h share/doc/persona/LICENSE \
    share/bash-completion/completions/persona share/zsh/site-functions/_persona \
    share/fish/vendor_completions.d/persona.fish share/man/man1/persona.1 share/man/man1/persona-transfer.1; do
    [[ -e $tmp/usr/$f ]] || fail "$f was not installed"
done
[[ ! -e $tmp/usr/share/persona/models/recipe ]] || fail "the training recipe was installed"

so=$(find "$tmp/usr" -name 'libpersona.so.0')
[[ -n $so ]] || fail "no libpersona.so.0"
nm -D --defined-only "$so" | awk '$2 != "A" { print $3 }' >"$tmp/symbols"
! grep -v '^persona_' "$tmp/symbols" || fail "libpersona.so exports more than persona_*"
grep -q '^persona_model_open' "$tmp/symbols" || fail "libpersona.so does not export its API"

args=(-S "$PERSONA_SOURCE_DIR/tests/consumer" -B "$tmp/build" -G Ninja
    "-Dpersona_DIR=$(dirname "$(find "$tmp/usr" -name personaConfig.cmake)")"
    "-DCMAKE_C_COMPILER=$(cached CMAKE_C_COMPILER)")
if [[ -n $(cached PERSONA_PREFIX) ]]; then
    args+=("-DCMAKE_TOOLCHAIN_FILE=$PERSONA_SOURCE_DIR/cmake/Prefix.cmake"
        "-DPERSONA_PREFIX=$(cached PERSONA_PREFIX)")
fi
{ cmake "${args[@]}" && cmake --build "$tmp/build"; } >"$tmp/log" 2>&1 || { cat "$tmp/log"; fail "consumer"; }
LD_LIBRARY_PATH=$(dirname "$so") "$tmp/build/consumer" || fail "the consumer does not run"

# The same stranger with a Makefile: pkg-config alone says how. A build against a prefix also wants that libc.
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$tmp/usr" -name persona.pc)")
pkg-config --exists 'persona >= 0.1' || fail "persona.pc"
flags=()
prefix=$(cached PERSONA_PREFIX)
if [[ -n $prefix ]]; then
    lib=$(echo "$prefix"/usr/lib/*-linux-gnu)
    flags=("--sysroot=$prefix" "-B$lib" "-L$lib" "-Wl,-rpath-link,$lib:$lib/openblas-pthread" "-Wl,--disable-new-dtags"
        "-Wl,-rpath,$lib/openblas-pthread:$lib" "-Wl,--dynamic-linker=$(echo "$lib"/ld-linux-*.so.*)")
fi
# shellcheck disable=SC2046 # words
"$(cached CMAKE_C_COMPILER)" "${flags[@]}" -o "$tmp/by-pc" "$PERSONA_SOURCE_DIR/tests/consumer/consumer.c" \
    $(pkg-config --cflags --libs persona) || fail "persona.pc does not lead to the library"
LD_LIBRARY_PATH=$(dirname "$so") "$tmp/by-pc" || fail "the consumer by pkg-config does not run"
