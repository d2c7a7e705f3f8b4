# SPDX-License-Identifier: MIT
#
# Dependencies.cmake - one interface target per foreign library, and one table that says which file owns
# it (tools/check-layers holds that law). A library is asked for only where its owner exists. Headers are
# SYSTEM: the strict warnings are for our code. Versions: docs/DEPENDENCIES.md, tools/setup.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(persona_deps INTERFACE)
target_link_libraries(persona_deps INTERFACE Threads::Threads m)
set(PERSONA_PC_REQUIRES "")

# persona_dependency(MODULE... OWNER GLOB): every pkg-config MODULE, if a file matches GLOB.
function(persona_dependency)
    cmake_parse_arguments(arg "" "OWNER" "" ${ARGN})
    file(GLOB owner "${PROJECT_SOURCE_DIR}/${arg_OWNER}")
    if(NOT owner)
        return()
    endif()
    foreach(module IN LISTS arg_UNPARSED_ARGUMENTS)
        string(MAKE_C_IDENTIFIER "PC_${module}" name)
        pkg_check_modules(${name} REQUIRED IMPORTED_TARGET "${module}")
        target_link_libraries(persona_deps INTERFACE PkgConfig::${name})
        list(APPEND PERSONA_PC_REQUIRES "${module}")
    endforeach()
    set(PERSONA_PC_REQUIRES "${PERSONA_PC_REQUIRES}" PARENT_SCOPE)
endfunction()

if(APPLE)
    persona_dependency("llama" OWNER "src/engine/*.c") # Homebrew counts builds of llama.cpp, not versions
else()
    persona_dependency("llama>=0.7" OWNER "src/engine/*.c")
endif()
persona_dependency("yyjson>=0.10" OWNER "src/base/json.c")
persona_dependency("openblas" OWNER "src/base/linalg.c")
persona_dependency("libcrypto>=3.0" OWNER "src/base/sha256.c")
persona_dependency("sqlite3>=3.40" OWNER "src/store/db.c")
persona_dependency("libcurl>=7.88" OWNER "src/store/fetch/*.c")
persona_dependency("libmicrohttpd>=1.0.5" OWNER "src/server/http/daemon.c")
persona_dependency("libedit>=3.1" OWNER "src/cli/chat/chat_line.c")
persona_dependency("nlohmann_json>=3.11" OWNER "src/engine/template_minja.cpp") # and minja, which has no .pc

if(APPLE) # a system header elsewhere
    find_path(PERSONA_MINJA minja/minja.hpp REQUIRED)
    target_include_directories(persona_deps SYSTEM INTERFACE "${PERSONA_MINJA}")
endif()

# Homebrew's OpenBLAS holds LAPACKE. Elsewhere by name: lapacke.pc wants lapack.pc, which is one of the alternatives that a prefix does not have.
if(NOT APPLE AND EXISTS "${PROJECT_SOURCE_DIR}/src/base/linalg.c")
    target_link_libraries(persona_deps INTERFACE lapacke)
endif()
