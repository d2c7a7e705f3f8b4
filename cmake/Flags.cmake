# SPDX-License-Identifier: MIT
#
# Flags.cmake - what our own code is compiled with: warnings, hardening, sanitizers, reproducible paths.
# Everything hangs on the interface target persona_flags, so that no foreign target inherits it.

include(CheckCCompilerFlag)
include(CheckLinkerFlag)
add_library(persona_flags INTERFACE)

# ---- warnings: accepted by gcc 12 to 16 and clang 14 to 21 --------------------------------------------
target_compile_options(persona_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2
    -Wundef -Wcast-qual -Wwrite-strings -Wvla -Wswitch-enum -Wimplicit-fallthrough
    "$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wmissing-prototypes>"
    "$<$<COMPILE_LANGUAGE:CXX>:-Wno-format-nonliteral>") # strftime_now: the format is the template's
# clang also reports `double x = NAN`, because NAN is a float constant; gcc reports only real promotions.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(persona_flags INTERFACE -Wdouble-promotion)
else()
    # newer ones count `x * WIDTH` among conversions; sizes named in an enum are our integer constants
    target_compile_options(persona_flags INTERFACE -Wno-enum-float-conversion)
endif()
if(PERSONA_WERROR)
    # A compiler newer than any that was tried may warn about more; that must not stop a user's build.
    if((CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 17)
       OR (CMAKE_C_COMPILER_ID STREQUAL "Clang" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 22))
        target_compile_options(persona_flags INTERFACE -Werror)
    else()
        message(STATUS "PERSONA_WERROR: not for ${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}")
    endif()
endif()

# ---- optimisation -----------------------------------------------------------------------------------
# RelWithDebInfo keeps assertions: it is what developers and CI run. Never -ffast-math: NaN checks belong
# to the method; and no contraction, so that compilers agree about sums.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
# The one C++ file is a foreign header and a third of a clean build. gcc takes 10 s for it with -Og and with -O0, and
# 14 with -O1; a prompt is rendered in 70, 300 and 55 microseconds.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-Og")
set(CMAKE_CXX_FLAGS_RELEASE "-Og -DNDEBUG")
target_compile_options(persona_flags INTERFACE -ffp-contract=off
    "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
# gcc's -O2 gives up on most loops that it could do four numbers at a time; clang's does not. No sum is reordered by it.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(persona_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:-ftree-vectorize;-fvect-cost-model=dynamic>")
endif()

# ---- hardening (OpenSSF guide), as far as the compiler and the machine know it ------------------------
function(persona_compile_flag flag)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" name)
    check_c_compiler_flag("-Werror ${flag}" ${name})
    if(${name})
        target_compile_options(persona_flags INTERFACE "${flag}")
    endif()
endfunction()
function(persona_link_flag flag)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" name)
    check_linker_flag(C "${flag}" ${name})
    if(${name})
        target_link_options(persona_flags INTERFACE "${flag}")
    endif()
endfunction()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

if(PERSONA_FUZZ)
    # Coverage everywhere; the entry points bring their own main. Checksums would hide what lies behind.
    target_compile_options(persona_flags INTERFACE -fsanitize=fuzzer-no-link)
    target_compile_definitions(persona_flags INTERFACE FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
    target_link_options(persona_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(PERSONA_SANITIZE)
    target_compile_options(persona_flags INTERFACE "-fsanitize=${PERSONA_SANITIZE}"
        -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
    target_link_options(persona_flags INTERFACE "-fsanitize=${PERSONA_SANITIZE}")
    # The one C++ file is a foreign header; instrumented it takes a minute, and runs in a process of its own.
    target_compile_options(persona_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=all>")
else()
    foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
            -mbranch-protection=standard -fstrict-flex-arrays=3 -ftrivial-auto-var-init=zero)
        persona_compile_flag(${flag})
    endforeach()
    # glibc warns where it is on without optimisation; -U because some compilers set it themselves.
    if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
        target_compile_options(persona_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    endif()
    foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
        persona_link_flag(${flag})
    endforeach()
endif()
