# SPDX-License-Identifier: MIT
#
# Install.cmake - program, shared library, public headers, shipped data, pkg-config and CMake files.
# A build against the private prefix stays tied to that folder; `make install` says so.

include(CMakePackageConfigHelpers)

if(TARGET persona)
    install(TARGETS persona)
    install(DIRECTORY "${persona_share}/bash-completion" "${persona_share}/zsh" "${persona_share}/fish"
        DESTINATION "${CMAKE_INSTALL_DATADIR}")
    install(DIRECTORY "${persona_share}/man/man1" DESTINATION "${CMAKE_INSTALL_MANDIR}")
endif()
if(TARGET libpersona)
    set(config "${CMAKE_INSTALL_LIBDIR}/cmake/persona")
    install(TARGETS libpersona EXPORT personaTargets)
    install(EXPORT personaTargets NAMESPACE persona:: DESTINATION "${config}")
    file(WRITE "${PROJECT_BINARY_DIR}/personaConfig.cmake"
        "include(\"\${CMAKE_CURRENT_LIST_DIR}/personaTargets.cmake\")\n")
    write_basic_package_version_file("${PROJECT_BINARY_DIR}/personaConfigVersion.cmake"
        COMPATIBILITY SameMinorVersion)
    install(FILES "${PROJECT_BINARY_DIR}/personaConfig.cmake"
        "${PROJECT_BINARY_DIR}/personaConfigVersion.cmake" DESTINATION "${config}")
    # Found from its own place, so that an installation may be moved.
    file(RELATIVE_PATH persona_pc_up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/+$" "" persona_pc_up "${persona_pc_up}")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/persona.pc.in" "${PROJECT_BINARY_DIR}/persona.pc" @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/persona.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
    install(DIRECTORY include/persona DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
endif()

install(DIRECTORY traits DESTINATION "${CMAKE_INSTALL_DATADIR}/persona"
    FILES_MATCHING PATTERN "*.json")
install(DIRECTORY models DESTINATION "${CMAKE_INSTALL_DATADIR}/persona"
    FILES_MATCHING PATTERN "*.gguf" PATTERN "*.json" PATTERN "recipe" EXCLUDE)
# Word lists: ours, and what tools/setup-words fetched, with its licences.
install(DIRECTORY words DESTINATION "${CMAKE_INSTALL_DATADIR}/persona"
    FILES_MATCHING PATTERN "*.txt" PATTERN "*.xml" PATTERN "*.license")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
