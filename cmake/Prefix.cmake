# SPDX-License-Identifier: MIT
#
# Prefix.cmake - toolchain file: the host's compiler against the private prefix of tools/setup, with that
# prefix's own libc and loader. CMakeLists.txt chooses it where the system has no libllama; the reason for
# each flag is in docs/DEPENDENCIES.md.

# CMake reads this file again in its try_compile projects, which know only the variables named here.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PERSONA_PREFIX)

file(STRINGS "${PERSONA_PREFIX}/persona-prefix.txt" _stamp LIMIT_COUNT 1)
string(REGEX REPLACE "^recipe [^ ]+ [^ ]+ ([^ ]+) .*" "\\1" _triplet "${_stamp}")
set(PERSONA_PREFIX_LIB "${PERSONA_PREFIX}/usr/lib/${_triplet}")
set(_blas "${PERSONA_PREFIX_LIB}/openblas-pthread")
file(GLOB _loader "${PERSONA_PREFIX_LIB}/ld-linux-*.so.*")

set(CMAKE_SYSROOT "${PERSONA_PREFIX}")
# CMake would add entries of its own to the RPATH given below.
set(CMAKE_SKIP_RPATH ON)
# Programs are the host's; libraries and headers are the prefix's.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(ENV{PKG_CONFIG_SYSROOT_DIR} "${PERSONA_PREFIX}")
set(ENV{PKG_CONFIG_LIBDIR}
    "${PERSONA_PREFIX_LIB}/pkgconfig:${_blas}/pkgconfig:${PERSONA_PREFIX}/usr/share/pkgconfig")
unset(ENV{PKG_CONFIG_PATH})

# OpenBLAS's folder comes first: it holds OpenBLAS under the names libblas.so.3 and liblapack.so.3, which
# Debian's alternatives would otherwise provide. DT_RPATH (not RUNPATH) also serves libraries of libraries.
set(CMAKE_C_FLAGS_INIT "-B${PERSONA_PREFIX_LIB}")
# The C++ library's headers are the compiler's own; it would look for them below the sysroot.
if(CMAKE_CXX_COMPILER)
    execute_process(COMMAND "${CMAKE_CXX_COMPILER}" -v -E -x c++ /dev/null
        ERROR_VARIABLE _said OUTPUT_QUIET)
    string(REGEX MATCHALL "\n /[^\n]*/c\\+\\+/[^\n]*" _folders "${_said}")
    set(_cxx "")
    foreach(_folder IN LISTS _folders)
        string(STRIP "${_folder}" _folder)
        string(APPEND _cxx " -isystem ${_folder}")
    endforeach()
    set(CMAKE_CXX_FLAGS_INIT "-B${PERSONA_PREFIX_LIB} -nostdinc++${_cxx}")
endif()
string(CONCAT _link
    "-B${PERSONA_PREFIX_LIB} -L${PERSONA_PREFIX_LIB} -Wl,-rpath-link,${_blas}:${PERSONA_PREFIX_LIB}"
    " -Wl,--dynamic-linker=${_loader} -Wl,--disable-new-dtags"
    " -Wl,-rpath,${_blas} -Wl,-rpath,${PERSONA_PREFIX_LIB}")
foreach(_kind EXE SHARED MODULE)
    set(CMAKE_${_kind}_LINKER_FLAGS_INIT "${_link}")
endforeach()
