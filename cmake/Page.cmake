# SPDX-License-Identifier: MIT
#
# Page.cmake - the files of the web page (web/dist, built by `make web`) inside the program: each as it is and
# gzipped, by .incbin, with a list of them that src/server/page/page_files.c includes. ADR 17 says why
# web/dist is committed.
#
# Called as a script (cmake -DFILES=... -DOUT=... -P Page.cmake) it writes that list.

if(CMAKE_SCRIPT_MODE_FILE)
    # Goes through the C preprocessor: ELF and Mach-O differ in three words.
    set(asm [=[
#ifdef __APPLE__
#define NAME(x) _##x
#define HIDDEN .private_extern
.section __TEXT,__const
#else
#define NAME(x) x
#define HIDDEN .hidden
.section .note.GNU-stack,"",%progbits
.section .rodata
#endif
]=])
    set(list "/* Written by cmake/Page.cmake. */\n")
    set(number 0)
    separate_arguments(files UNIX_COMMAND "${FILES}")
    foreach(file IN LISTS files)
        get_filename_component(name "${file}" NAME)
        file(SHA256 "${file}" hash)
        string(SUBSTRING "${hash}" 0 16 hash)
        foreach(kind plain packed)
            set(bytes "${file}")
            if(kind STREQUAL packed)
                set(bytes "${OUT}/${name}.gz")
            endif()
            set(symbol "page_${number}_${kind}")
            string(APPEND asm ".balign 16\n")
            foreach(place "${symbol}" "${symbol}_end")
                string(APPEND asm ".globl NAME(${place})\nHIDDEN NAME(${place})\n")
            endforeach()
            string(APPEND asm
                "NAME(${symbol}):\n.incbin \"${bytes}\"\nNAME(${symbol}_end):\n.byte 0\n")
        endforeach()
        string(APPEND list "PAGE_FILE(${number}, \"${name}\", \"${hash}\")\n")
        math(EXPR number "${number} + 1")
    endforeach()
    file(WRITE "${OUT}/page_files.S" "${asm}")
    file(WRITE "${OUT}/page_files.def" "${list}")
    return()
endif()

enable_language(ASM)
find_program(GZIP gzip REQUIRED)
file(GLOB page_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/web/dist/*")
list(SORT page_files)
set(page_out "${PROJECT_BINARY_DIR}/page")
set(page_packed "")
foreach(file IN LISTS page_files)
    get_filename_component(name "${file}" NAME)
    add_custom_command(OUTPUT "${page_out}/${name}.gz" DEPENDS "${file}" VERBATIM
        COMMAND "${GZIP}" -9nc "${file}" > "${page_out}/${name}.gz")
    list(APPEND page_packed "${page_out}/${name}.gz")
endforeach()
list(JOIN page_files " " page_words)
add_custom_command(OUTPUT "${page_out}/page_files.S" "${page_out}/page_files.def" VERBATIM
    DEPENDS ${page_files} ${page_packed} "${CMAKE_CURRENT_LIST_FILE}"
    COMMAND "${CMAKE_COMMAND}" "-DFILES=${page_words}" "-DOUT=${page_out}" -P "${CMAKE_CURRENT_LIST_FILE}")
file(MAKE_DIRECTORY "${page_out}")
target_sources(persona_server PRIVATE "${page_out}/page_files.S")
target_include_directories(persona_server PRIVATE "${page_out}")
set_source_files_properties("${page_out}/page_files.S" PROPERTIES OBJECT_DEPENDS "${page_packed}")
set_source_files_properties(src/server/page/page_files.c PROPERTIES OBJECT_DEPENDS "${page_out}/page_files.def")
